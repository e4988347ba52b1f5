//! Floating point numbers as TensorFlow Serving prints them: six digits where these give the value back, else as many
//! as never fail, and always recognisable as a float.

use std::fmt::Write as _;

/// A 32-bit float.
#[must_use]
pub fn float(value: f32) -> String {
    let mut text = Text::default();
    write_float(&mut text, value);
    text.as_str().to_owned()
}

/// A 64-bit float.
#[must_use]
pub fn double(value: f64) -> String {
    let mut text = Text::default();
    write_double(&mut text, value);
    text.as_str().to_owned()
}

/// A number in six digits, as in metrics: a whole one has no point.
#[must_use]
pub fn six_digits(value: f64) -> String {
    let mut digits = Text::default();
    let _ = write!(digits, "{value:.5e}");
    let mut text = Text::default();
    general(&mut text, digits.as_str(), 6);
    text.as_str().to_owned()
}

/// Writes a 32-bit float.
pub(super) fn write_float(out: &mut Text, value: f32) {
    if special(out, f64::from(value)) {
        return;
    }
    let mut digits = Text::default();
    // The fewest digits that give the value back. Six of them are then the nearest six as well, but for numbers so small
    // that they have hardly any digits of their own.
    let _ = write!(digits, "{value:e}");
    if !has_six_at_most(digits.as_str()) {
        digits.clear();
        let _ = write!(digits, "{value:.8e}");
        return finish(out, digits.as_str(), 9);
    }
    if value != 0.0 && !value.is_normal() {
        digits.clear();
        let _ = write!(digits, "{value:.5e}");
    }
    finish(out, digits.as_str(), 6);
}

/// Writes a 64-bit float.
pub(super) fn write_double(out: &mut Text, value: f64) {
    if special(out, value) {
        return;
    }
    let mut digits = Text::default();
    let _ = write!(digits, "{value:e}");
    if !has_six_at_most(digits.as_str()) {
        digits.clear();
        let _ = write!(digits, "{value:.16e}");
        return finish(out, digits.as_str(), 17);
    }
    if value != 0.0 && !value.is_normal() {
        digits.clear();
        let _ = write!(digits, "{value:.5e}");
    }
    finish(out, digits.as_str(), 6);
}

fn special(out: &mut Text, value: f64) -> bool {
    let text = if value.is_nan() {
        "NaN"
    } else if value == f64::INFINITY {
        "Infinity"
    } else if value == f64::NEG_INFINITY {
        "-Infinity"
    } else {
        return false;
    };
    out.push(text);
    true
}

fn has_six_at_most(scientific: &str) -> bool {
    let digits = scientific.bytes().take_while(|byte| *byte != b'e');
    digits.filter(u8::is_ascii_digit).count() <= 6
}

fn finish(out: &mut Text, scientific: &str, precision: i32) {
    general(out, scientific, precision);
    if !out.as_str().contains(['.', 'e']) {
        out.push(".0");
    }
}

// `%.{precision}g` of C, from `-D.DDDeN`.
fn general(out: &mut Text, scientific: &str, precision: i32) {
    let (mantissa, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let unsigned = mantissa.strip_prefix('-').inspect(|_| out.push("-"));
    let unsigned = unsigned.unwrap_or(mantissa);
    let (first, rest) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let rest = rest.trim_end_matches('0');
    if exponent < -4 || exponent >= precision {
        out.push(first);
        if !rest.is_empty() {
            out.push(".");
            out.push(rest);
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "e{sign}{:02}", exponent.unsigned_abs());
        return;
    }
    if exponent < 0 {
        out.push("0.");
        (exponent..-1).for_each(|_| out.push("0"));
        out.push(first);
        out.push(rest);
        return;
    }
    let whole = exponent as usize;
    out.push(first);
    out.push(&rest[..whole.min(rest.len())]);
    (rest.len()..whole).for_each(|_| out.push("0"));
    if rest.len() > whole {
        out.push(".");
        out.push(&rest[whole..]);
    }
}

/// A short text on the stack.
pub(super) struct Text {
    bytes: [u8; TEXT_BYTES_MAX],
    length: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            bytes: [0; TEXT_BYTES_MAX],
            length: 0,
        }
    }
}

impl Text {
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("whole strings were written")
    }

    fn clear(&mut self) {
        self.length = 0;
    }

    fn push(&mut self, text: &str) {
        let _ = self.write_str(text);
    }
}

impl std::fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = self.bytes.get_mut(self.length..self.length + text.len());
        room.ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

/// The longest: a sign, 17 digits, a point, an exponent of three digits.
const TEXT_BYTES_MAX: usize = 40;

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
            (-100_000.0, "-100000.0"),
            (0.0003, "0.0003"),
            (0.00003, "3e-05"),
            (1.0 / 3.0, "0.333333343"),
            (16_777_216.0, "16777216.0"),
            (1_234_567.0, "1234567.0"),
            (f32::MAX, "3.40282347e+38"),
            (f32::MIN_POSITIVE, "1.17549435e-38"),
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
        assert_eq!(double(-f64::MAX), "-1.7976931348623157e+308");
        assert_eq!(six_digits(12.0), "12");
        assert_eq!(six_digits(0.1 + 0.2), "0.3");
    }

    /// Six digits, then all: the rule itself, by the standard library alone.
    fn by_the_rule(value: f32) -> String {
        let general = |precision: i32| {
            let digits = format!("{value:.*e}", precision as usize - 1);
            let mut text = Text::default();
            super::general(&mut text, &digits, precision);
            text.as_str().to_owned()
        };
        let six = general(6);
        let text = if six.parse() == Ok(value) { six } else { general(9) };
        if text.contains(['.', 'e']) {
            text
        } else {
            text + ".0"
        }
    }

    #[test]
    fn the_short_way_prints_what_the_rule_says() {
        let mut bits = 0x9e37_79b9_u32;
        for _ in 0..20_000 {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let rounded = (f32::from_bits(bits) * 1000.0).round() / 1000.0;
            for value in [
                f32::from_bits(bits),
                f32::from_bits(bits >> 9),
                rounded,
                (bits >> 8) as f32 / 256.0,
            ] {
                if value.is_finite() {
                    assert_eq!(float(value), by_the_rule(value), "{bits:x}");
                }
            }
        }
    }
}
