//! What vendors sign about platforms, as users of the manifest added it: bounded, and never older than what was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strongroom_attest::Endorsements;
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::time::UnixTime;

use super::refusal::Refusal;
use crate::endorsement::Endorsement;

/// Most endorsements that are kept.
pub const ENDORSEMENTS_MAX: usize = 128;
/// Most bytes of them together.
pub const ENDORSEMENTS_BYTES_MAX: usize = 16 << 20;
/// Most platform families whose newest evaluation is remembered.
const FAMILIES_MAX: usize = 1024;

/// The endorsements of a deployment. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Endorsed {
    files: Arc<BTreeMap<Digest32, Arc<Endorsement>>>,
    floors: Arc<BTreeMap<String, u32>>,
    parsed: Arc<Endorsements>,
}

impl Endorsed {
    /// Those that were stored, with the evaluation numbers that were seen.
    pub fn new(files: impl IntoIterator<Item = Endorsement>, floors: BTreeMap<String, u32>) -> Self {
        let files = files.into_iter();
        let files = files.map(|file| (file.digest(), Arc::new(file))).collect();
        Self {
            files: Arc::new(files),
            floors: Arc::new(floors),
            parsed: Arc::default(),
        }
        .read()
    }

    /// By digest.
    pub fn files(&self) -> &BTreeMap<Digest32, Arc<Endorsement>> {
        &self.files
    }

    /// The highest evaluation number that was seen for each platform family (FMSPC).
    pub fn floors(&self) -> &BTreeMap<String, u32> {
        &self.floors
    }

    /// To verify with: the floors are among them.
    pub fn endorsements(&self) -> &Endorsements {
        &self.parsed
    }

    /// Whether one more may be added at `now`; if so, which go because of it: those that it replaces, and those whose
    /// time is over.
    ///
    /// # Errors
    /// [`Refusal::EndorsementOlder`], [`Refusal::EndorsementExpired`], [`Refusal::TooManyEndorsements`].
    pub fn admit(&self, added: &Endorsement, now: UnixTime) -> Result<BTreeSet<Digest32>, Refusal> {
        if added.until().is_some_and(|until| until < now) {
            return Err(Refusal::EndorsementExpired);
        }
        if let Some((family, number)) = added.evaluation()
            && let Some(floor) = self.floors.get(family).filter(|floor| number < **floor)
        {
            return Err(Refusal::EndorsementOlder {
                family: family.to_owned(),
                number,
                floor: *floor,
            });
        }
        let mut gone = BTreeSet::new();
        for (digest, file) in self.files.iter().filter(|(digest, _)| **digest != added.digest()) {
            let over = file.until().is_some_and(|until| until < now);
            if over || added.replaces(file) {
                gone.insert(*digest);
            }
        }
        let kept = self.files.iter().filter(|(digest, _)| !gone.contains(*digest));
        let (count, bytes) = kept.fold((1, added.bytes().len()), |(count, bytes), (_, file)| {
            (count + 1, bytes + file.bytes().len())
        });
        let another_family = added
            .evaluation()
            .is_some_and(|(family, _)| !self.floors.contains_key(family));
        if count > ENDORSEMENTS_MAX
            || bytes > ENDORSEMENTS_BYTES_MAX
            || (another_family && self.floors.len() >= FAMILIES_MAX)
        {
            return Err(Refusal::TooManyEndorsements);
        }
        Ok(gone)
    }

    /// Makes an endorsement part of the state.
    pub(super) fn add(&mut self, added: Endorsement, gone: &BTreeSet<Digest32>) {
        if let Some((family, number)) = added.evaluation() {
            let floors = Arc::make_mut(&mut self.floors);
            let floor = floors.entry(family.to_owned()).or_default();
            *floor = number.max(*floor);
        }
        let files = Arc::make_mut(&mut self.files);
        files.retain(|digest, _| !gone.contains(digest));
        files.insert(added.digest(), Arc::new(added));
        *self = std::mem::take(self).read();
    }

    fn read(mut self) -> Self {
        let mut parsed = Endorsements::none();
        for file in self.files.values() {
            // What is stored was read before it was stored.
            let _ = parsed.add(file.bytes());
        }
        for (family, number) in &*self.floors {
            parsed.raise_evaluation_floor(family, *number);
        }
        self.parsed = Arc::new(parsed);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collateral(family: u32, evaluation: u32, until: u64) -> Endorsement {
        let tcb = serde_json::json!({
            "id": "SGX", "fmspc": format!("{family:012x}"), "issueDate": "2026-01-01T00:00:00Z",
            "nextUpdate": UnixTime(until).to_string(), "tcbEvaluationDataNumber": evaluation,
        });
        let json = serde_json::json!({ "tcb_info": tcb.to_string() });
        Endorsement::read(json.to_string().into_bytes()).expect("collateral")
    }

    fn with(added: Endorsement, now: u64, endorsed: &mut Endorsed) -> Result<usize, Refusal> {
        let gone = endorsed.admit(&added, UnixTime(now))?;
        endorsed.add(added, &gone);
        Ok(endorsed.files().len())
    }

    const DAY: u64 = 86_400;
    const START: u64 = 1_800_000_000;

    #[test]
    fn what_is_over_goes_and_its_floor_stays() {
        let mut endorsed = Endorsed::default();
        assert_eq!(with(collateral(1, 9, START + DAY), START, &mut endorsed), Ok(1));
        assert_eq!(
            with(collateral(2, 5, START + 9 * DAY), START + 2 * DAY, &mut endorsed),
            Ok(1)
        );
        assert_eq!(endorsed.endorsements().evaluation_floor("000000000001"), Some(9));
        let older = with(collateral(1, 8, START + 9 * DAY), START + 2 * DAY, &mut endorsed);
        assert_eq!(older.map_err(|refusal| refusal.code()), Err("endorsement.older"));
        assert_eq!(
            with(collateral(3, 1, START), START + 1, &mut endorsed),
            Err(Refusal::EndorsementExpired)
        );
    }

    #[test]
    fn more_than_is_kept_is_refused() {
        let mut endorsed = Endorsed::default();
        for family in 0..ENDORSEMENTS_MAX {
            let family = u32::try_from(family).expect("a small number");
            with(collateral(family, 1, START + DAY), START, &mut endorsed).expect("there is room");
        }
        let another = with(collateral(9999, 1, START + DAY), START, &mut endorsed);
        assert_eq!(another, Err(Refusal::TooManyEndorsements));
        // One that takes the place of another needs no room.
        assert_eq!(
            with(collateral(1, 2, START + DAY), START, &mut endorsed),
            Ok(ENDORSEMENTS_MAX)
        );
    }
}
