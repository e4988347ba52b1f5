//! Floating point numbers as TensorFlow Serving prints them: six digits where these give the value back, else as many
//! as never fail, and always recognisable as a float.

/// A 32-bit float.
#[must_use]
pub fn float(value: f32) -> String {
    text(f64::from(value), 9, |digits| {
        digits.parse::<f32>().is_ok_and(|read| read == value)
    })
}

/// A 64-bit float.
#[must_use]
pub fn double(value: f64) -> String {
    text(value, 17, |digits| {
        digits.parse::<f64>().is_ok_and(|read| read == value)
    })
}

/// A number in six digits, as in metrics: a whole one has no point.
#[must_use]
pub fn six_digits(value: f64) -> String {
    general(value, 6)
}

fn text(value: f64, digits_enough: usize, reads_back: impl Fn(&str) -> bool) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let mut text = general(value, 6);
    if !reads_back(&text) {
        text = general(value, digits_enough);
    }
    if !text.contains(['.', 'e']) {
        text.push_str(".0");
    }
    text
}

// `%.{precision}g` of C.
fn general(value: f64, precision: usize) -> String {
    let scientific = format!("{value:.*e}", precision - 1);
    let (digits, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(digits), exponent.unsigned_abs());
    }
    let decimals = usize::try_from(precision as i32 - 1 - exponent).unwrap_or(0);
    without_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_it_should() {
        for (value, expected) in [
            (9_000_000.0, "9e+06"),
            (999_999.0, "999999.0"),
            (0.5, "0.5"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (0.0003, "0.0003"),
            (0.00003, "3e-05"),
            (1.0 / 3.0, "0.333333343"),
            (16_777_216.0, "16777216.0"),
            (1_234_567.0, "1234567.0"),
            (f32::MAX, "3.40282347e+38"),
            (f32::from_bits(1), "1.4013e-45"),
            (f32::NAN, "NaN"),
            (f32::INFINITY, "Infinity"),
            (f32::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float(value), expected);
        }
        assert_eq!(double(0.1), "0.1");
        assert_eq!(double(1.0 / 3.0), "0.33333333333333331");
        assert_eq!(double(1e20), "1e+20");
    }
}
