//! Prometheus' text form as TensorFlow Serving writes it: names are paths whose slashes are colons, a `TYPE` line for each
//! metric and no `HELP`, braces even where there are no labels.

use std::fmt::{Display, Write as _};

use super::histogram::Reading;
use crate::rest::json::number::six_digits;

/// A text that grows metric by metric.
#[derive(Debug, Default)]
pub(super) struct Text {
    out: String,
    name: &'static str,
}

impl Text {
    /// Begins a metric. It has its line even while nothing was counted.
    pub(super) fn metric(&mut self, name: &'static str, kind: &str) {
        self.name = name;
        self.put(format_args!("# TYPE {name} {kind}\n"));
    }

    /// One value of the metric.
    pub(super) fn value(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line("", labels, None, value);
    }

    /// One histogram of the metric.
    pub(super) fn histogram(&mut self, labels: &[(&str, &str)], reading: &Reading) {
        for (bound, count) in &reading.buckets {
            self.line("_bucket", labels, Some(&six_digits(*bound)), count);
        }
        self.line("_bucket", labels, Some("+Inf"), reading.count);
        self.line("_sum", labels, None, reading.sum);
        self.line("_count", labels, None, reading.count);
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], bound: Option<&str>, value: impl Display) {
        let name = self.name;
        self.put(format_args!("{name}{suffix}{{"));
        let bound = bound.map(|bound| ("le", bound));
        for (index, (label, text)) in labels.iter().copied().chain(bound).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            self.put(format_args!("{comma}{label}=\""));
            self.escape(text);
            self.out.push('"');
        }
        self.put(format_args!("}} {value}\n"));
    }

    fn escape(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '\\' | '"' => self.out.extend(['\\', character]),
                '\n' => self.out.push_str("\\n"),
                other => self.out.push(other),
            }
        }
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.out.write_fmt(text).expect("a String takes every text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_escapes_and_bounds() {
        let mut text = Text::default();
        text.metric(":a:b", "counter");
        text.value(&[], 1);
        text.value(&[("x", "a\\b\"c\nd"), ("y", "")], 2);
        text.metric("h", "histogram");
        let reading = Reading {
            buckets: vec![(10.0, 1), (104.976_000_1, 1)],
            sum: 2.5,
            count: 2,
        };
        text.histogram(&[("m", "n")], &reading);
        let expected = "# TYPE :a:b counter\n:a:b{} 1\n:a:b{x=\"a\\\\b\\\"c\\nd\",y=\"\"} 2\n# TYPE h histogram\n\
                        h_bucket{m=\"n\",le=\"10\"} 1\nh_bucket{m=\"n\",le=\"104.976\"} 1\n\
                        h_bucket{m=\"n\",le=\"+Inf\"} 2\nh_sum{m=\"n\"} 2.5\nh_count{m=\"n\"} 2\n";
        assert_eq!(text.finish(), expected);
    }
}
