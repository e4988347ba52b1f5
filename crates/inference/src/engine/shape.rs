//! One rule for shapes, whatever engine runs the model.
//!
//! TensorFlow takes whatever shape is sent and broadcasts; ONNX engines insist on the declared number of dimensions. A
//! client that sends `[3]` where `[?, 1]` is declared must be answered by all of them, and in the shape it sent. Sizes
//! that contradict the declaration are refused.

use super::TensorSpec;
use crate::error::RequestError;

/// How an input is fed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fed {
    /// The shape that the client sent.
    pub(super) sent: Vec<usize>,
    /// The shape that the model gets: the same elements, with dimensions of size 1 added or removed.
    pub(super) fed: Vec<usize>,
}

/// Fits the sent shape into the declared one: dimensions of size 1 are added or removed at the end, or else at the front
/// (one example without its batch).
///
/// # Errors
/// `INVALID_ARGUMENT` when neither fits.
pub(super) fn fit(alias: &str, spec: &TensorSpec, sent: &[usize]) -> Result<Fed, RequestError> {
    let fed = |shape: Vec<usize>| Fed {
        sent: sent.to_vec(),
        fed: shape,
    };
    let Some(declared) = &spec.shape else {
        return Ok(fed(sent.to_vec()));
    };
    if declared.len() == sent.len() {
        return match first_difference(declared, sent) {
            None => Ok(fed(sent.to_vec())),
            Some(index) => Err(RequestError::invalid(format!(
                "Invalid dimension for input: {alias} index: {index} Got: {} Expected: {}",
                sent[index],
                declared[index].unwrap_or_default()
            ))),
        };
    }
    let candidates = [
        resized_at_end(sent, declared.len()),
        resized_at_front(sent, declared.len()),
    ];
    let fits = |shape: &Vec<usize>| first_difference(declared, shape).is_none();
    match candidates.into_iter().flatten().find(fits) {
        Some(shape) => Ok(fed(shape)),
        None => Err(RequestError::invalid(format!(
            "Invalid rank for input: {alias} Got: {} Expected: {}",
            sent.len(),
            declared.len()
        ))),
    }
}

/// The shape in which the client gets an output: one that has just the shape of an input as it was fed gets the shape in
/// which that input was sent, as TensorFlow's element-wise operators would have answered. Any other stays.
pub(super) fn answer(output: &[usize], inputs: &[Fed]) -> Option<Vec<usize>> {
    let mut same = inputs.iter().filter(|input| input.fed == output).peekable();
    same.peek()?;
    // An input that was sent like this needs no change, and neither does what follows its shape.
    if same.clone().any(|input| input.sent == output) {
        return None;
    }
    same.next().map(|input| input.sent.clone())
}

fn first_difference(declared: &[Option<usize>], shape: &[usize]) -> Option<usize> {
    let differs = |(want, have): (&Option<usize>, &usize)| want.is_some_and(|want| want != *have);
    declared.iter().zip(shape).position(differs)
}

fn resized_at_end(sent: &[usize], rank: usize) -> Option<Vec<usize>> {
    let kept = rank.min(sent.len());
    let mut shape = sent[..kept].to_vec();
    shape.resize(rank, 1);
    sent[kept..].iter().all(|size| *size == 1).then_some(shape)
}

fn resized_at_front(sent: &[usize], rank: usize) -> Option<Vec<usize>> {
    let kept = rank.min(sent.len());
    let (left_out, rest) = sent.split_at(sent.len() - kept);
    let mut shape = vec![1; rank - kept];
    shape.extend_from_slice(rest);
    left_out.iter().all(|size| *size == 1).then_some(shape)
}

#[cfg(test)]
mod tests {
    use strongroom_api::serving::DataType;

    use super::*;

    fn check(declared: &[i64], sent: &[usize], expected: Result<&[usize], &str>) {
        let spec = TensorSpec {
            name: "x".into(),
            dtype: DataType::DtFloat,
            shape: Some(declared.iter().map(|size| usize::try_from(*size).ok()).collect()),
        };
        let found = fit("x", &spec, sent).map(|fed| fed.fed);
        assert_eq!(
            found.as_deref().map_err(RequestError::message),
            expected,
            "{sent:?} into {declared:?}"
        );
    }

    #[test]
    fn ranks_are_reconciled_where_sizes_allow() {
        check(&[-1, 1], &[3], Ok(&[3, 1]));
        check(&[-1, -1], &[3], Ok(&[3, 1]));
        check(&[-1], &[3, 1], Ok(&[3]));
        check(&[-1], &[3, 1, 1], Ok(&[3]));
        check(&[-1, 1], &[], Ok(&[1, 1]));
        check(&[], &[1], Ok(&[]));
        check(&[-1, 2], &[2], Ok(&[1, 2]));
        check(&[2], &[1, 2], Ok(&[2]));
        check(&[-1, 1], &[0], Ok(&[0, 1]));
        check(&[-1, 2], &[3, 2], Ok(&[3, 2]));
    }

    #[test]
    fn refuses_what_it_should() {
        check(
            &[-1, 2],
            &[4],
            Err("Invalid rank for input: x Got: 1 Expected: 2"),
        );
        check(
            &[-1],
            &[2, 2],
            Err("Invalid rank for input: x Got: 2 Expected: 1"),
        );
        check(&[], &[0], Err("Invalid rank for input: x Got: 1 Expected: 0"));
        check(
            &[-1, 2],
            &[1, 4],
            Err("Invalid dimension for input: x index: 1 Got: 4 Expected: 2"),
        );
    }

    #[test]
    fn an_output_of_the_fed_shape_gets_the_sent_one() {
        let fed = |sent: &[usize], fed: &[usize]| Fed {
            sent: sent.to_vec(),
            fed: fed.to_vec(),
        };
        assert_eq!(answer(&[3, 1], &[fed(&[3], &[3, 1])]), Some(vec![3]));
        assert_eq!(answer(&[3], &[fed(&[3, 1], &[3])]), Some(vec![3, 1]));
        assert_eq!(answer(&[3, 10], &[fed(&[3], &[3, 1])]), None);
        assert_eq!(
            answer(&[3, 1], &[fed(&[3], &[3, 1]), fed(&[3, 1], &[3, 1])]),
            None
        );
        assert_eq!(answer(&[3, 1], &[]), None);
    }
}
