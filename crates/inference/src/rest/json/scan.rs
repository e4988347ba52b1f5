//! Numbers of JSON texts, and the words for them that are no JSON: `NaN` and the infinities.

use super::Number;
use super::parse::{INVALID_VALUE, ParseError};

/// Reads the number at `start`; gives it and where the text goes on. Doubles are rounded correctly.
///
/// # Errors
/// With RapidJSON's reason and offset.
pub fn number(text: &[u8], start: usize) -> Result<(Number, usize), ParseError> {
    let mut scan = Scan { text, at: start };
    let minus = scan.take(b'-');
    let mut digits = Digits::default();
    match scan.peek() {
        Some(b'0') => scan.at += 1,
        Some(b'1'..=b'9') => scan.digits(&mut digits),
        Some(b'N' | b'I') => return scan.word(minus),
        _ => return Err(fail(INVALID_VALUE, scan.at)),
    }
    let whole = scan.at;
    let mut fraction = 0;
    if scan.take(b'.') {
        let first = scan.at;
        scan.digits(&mut digits);
        fraction = scan.at - first;
        if fraction == 0 {
            return Err(fail(NO_FRACTION, scan.at));
        }
    }
    let mut exponent = 0;
    if matches!(scan.peek(), Some(b'e' | b'E')) {
        scan.at += 1;
        exponent = scan.exponent()?;
        // RapidJSON looks at the exponent alone: a number that it lets pass may still be infinite.
        if exponent > EXPONENT_MAX + fraction.min(DIGITS_MAX) as i32 {
            return Err(fail(NUMBER_TOO_BIG, start));
        }
    }
    if scan.at == whole
        && let Some(number) = digits.integer(minus)
    {
        return Ok((number, scan.at));
    }
    let scale = i32::try_from(fraction).map_or(i32::MIN, |fraction| exponent.saturating_sub(fraction));
    let value = match digits.double(scale) {
        Some(value) => value,
        None => {
            let unsigned = start + usize::from(minus);
            let text = std::str::from_utf8(&text[unsigned..scan.at]).expect("digits and signs are ASCII");
            text.parse()
                .expect("the grammar of JSON numbers is part of Rust's")
        }
    };
    if value.is_infinite() && scan.at == whole {
        return Err(fail(NUMBER_TOO_BIG, start));
    }
    Ok((Number::Double(if minus { -value } else { value }), scan.at))
}

/// Digits so far, as one whole number.
#[derive(Default)]
struct Digits {
    value: u64,
    /// There were more than it holds.
    overflow: bool,
}

impl Digits {
    fn integer(&self, minus: bool) -> Option<Number> {
        if self.overflow {
            return None;
        }
        match (minus, i64::try_from(self.value)) {
            (false, Ok(value)) => Some(Number::Int(value)),
            (false, Err(_)) => Some(Number::UInt(self.value)),
            (true, Ok(value)) => Some(Number::Int(-value)),
            (true, Err(_)) => 0i64.checked_sub_unsigned(self.value).map(Number::Int),
        }
    }

    // Whole numbers of 53 bits and small powers of ten are exact, so that one operation rounds once.
    fn double(&self, scale: i32) -> Option<f64> {
        if self.overflow || self.value > 1 << f64::MANTISSA_DIGITS {
            return None;
        }
        let power = POWERS.get(scale.unsigned_abs() as usize)?;
        let value = self.value as f64;
        Some(if scale < 0 { value / power } else { value * power })
    }
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn digits(&mut self, digits: &mut Digits) {
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            let next = digits.value.checked_mul(10);
            match next.and_then(|value| value.checked_add(u64::from(byte - b'0'))) {
                Some(value) if !digits.overflow => digits.value = value,
                _ => digits.overflow = true,
            }
            self.at += 1;
        }
    }

    fn exponent(&mut self) -> Result<i32, ParseError> {
        let minus = !self.take(b'+') && self.take(b'-');
        let first = self.at;
        let mut exponent = 0i32;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            exponent = exponent.saturating_mul(10).saturating_add(i32::from(byte - b'0'));
            self.at += 1;
        }
        if self.at == first {
            return Err(fail(NO_EXPONENT, self.at));
        }
        Ok(if minus { -exponent } else { exponent })
    }

    // Letter by letter, so that a refusal has the offset of the first that is wrong.
    fn word(mut self, minus: bool) -> Result<(Number, usize), ParseError> {
        let sign = if minus { -1.0 } else { 1.0 };
        if self.take(b'N') && self.take(b'a') && self.take(b'N') {
            return Ok((Number::Double(f64::NAN), self.at));
        }
        if !(self.take(b'I') && self.take(b'n') && self.take(b'f')) {
            return Err(fail(INVALID_VALUE, self.at));
        }
        if self.peek() == Some(b'i') && !b"inity".iter().all(|byte| self.take(*byte)) {
            return Err(fail(INVALID_VALUE, self.at));
        }
        Ok((Number::Double(sign * f64::INFINITY), self.at))
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }
}

fn fail(reason: &'static str, offset: usize) -> ParseError {
    ParseError::Syntax { reason, offset }
}

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// Largest exponent that is let pass, for a number without a fraction.
const EXPONENT_MAX: i32 = 308;
/// Digits of a fraction that let pass a larger one.
const DIGITS_MAX: usize = 17;
pub(super) const NUMBER_TOO_BIG: &str = "Number too big to be stored in double.";
pub(super) const NO_FRACTION: &str = "Miss fraction part in number.";
pub(super) const NO_EXPONENT: &str = "Miss exponent in number.";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Number {
        let (number, end) = number(text.as_bytes(), 0).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(end, text.len(), "{text}");
        number
    }

    #[test]
    fn doubles_are_those_of_the_standard_library() {
        for text in [
            "0.1",
            "-0.0",
            "0.333333343",
            "1e22",
            "1e23",
            "9007199254740993.0",
            "123456789012345678901234567890",
            "2.2250738585072011e-308",
            "4.9e-324",
            "1e-400",
            "1.7976931348623157e308",
            "0.30000000000000004",
            "17976931348623157e292",
            "1.0e+2",
            "5e-1",
            "179769313486231580000000000000000000000.0",
        ] {
            let expected: f64 = text.parse().expect("a number");
            match read(text) {
                Number::Double(value) => assert_eq!(value.to_bits(), expected.to_bits(), "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn whole_numbers_keep_their_width() {
        assert_eq!(read("-0"), Number::Int(0));
        assert_eq!(read("9223372036854775807"), Number::Int(i64::MAX));
        assert_eq!(read("-9223372036854775808"), Number::Int(i64::MIN));
        assert_eq!(read("9223372036854775808"), Number::UInt(1 << 63));
        assert_eq!(read("18446744073709551615"), Number::UInt(u64::MAX));
        assert_eq!(
            read("18446744073709551616"),
            Number::Double(18_446_744_073_709_551_616.0)
        );
        assert_eq!(
            read("-9223372036854775809"),
            Number::Double(-9_223_372_036_854_775_809.0)
        );
    }

    #[test]
    fn refuses_where_the_original_does() {
        for (text, reason, offset) in [
            ("1e309", NUMBER_TOO_BIG, 0),
            ("-0e400", NUMBER_TOO_BIG, 0),
            ("1.5e99999999999", NUMBER_TOO_BIG, 0),
            ("-Nax", INVALID_VALUE, 3),
            ("Infinitx", INVALID_VALUE, 7),
            ("-", INVALID_VALUE, 1),
            ("1.e", NO_FRACTION, 2),
            ("1e+", NO_EXPONENT, 3),
        ] {
            assert_eq!(number(text.as_bytes(), 0), Err(fail(reason, offset)), "{text}");
        }
        let long = "9".repeat(400);
        assert_eq!(number(long.as_bytes(), 0), Err(fail(NUMBER_TOO_BIG, 0)));
        assert_eq!(read("1.8e308"), Number::Double(f64::INFINITY));
        assert_eq!(read("0.00001e313"), Number::Double(1e308));
    }
}
