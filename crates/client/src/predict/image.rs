//! Pictures as inputs: PNG, eight bits a channel, grey or colour, scaled to 0..1.

use std::io::Cursor;

use serde_json::Value;

use super::signature::TensorSpec;
use super::tensor::{Tensor, single};
use crate::error::Error;

/// Most bytes that decoding one picture may take.
const DECODED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A decoded picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    width: usize,
    height: usize,
    channels: usize,
    /// Row by row, channels innermost, 0 (black) to 255.
    pixels: Vec<u8>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Image({}x{}, [REDACTED])", self.width, self.height)
    }
}

impl Image {
    /// Reads a PNG. Transparency is dropped.
    ///
    /// # Errors
    /// [`Error::Input`].
    pub fn from_png(bytes: &[u8]) -> Result<Self, Error> {
        let refused = |error: png::DecodingError| Error::input("image", error);
        let mut decoder = png::Decoder::new_with_limits(
            Cursor::new(bytes),
            png::Limits {
                bytes: DECODED_BYTES_MAX,
            },
        );
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().map_err(refused)?;
        let size = reader
            .output_buffer_size()
            .filter(|size| *size <= DECODED_BYTES_MAX);
        let size = size.ok_or_else(|| Error::input("image", "it is too large"))?;
        let mut pixels = vec![0; size];
        let frame = reader.next_frame(&mut pixels).map_err(refused)?;
        pixels.truncate(frame.buffer_size());
        let (samples, channels) = match frame.color_type {
            png::ColorType::Grayscale => (1, 1),
            png::ColorType::GrayscaleAlpha => (2, 1),
            png::ColorType::Rgb => (3, 3),
            png::ColorType::Rgba => (4, 3),
            png::ColorType::Indexed => return Err(Error::input("image", "its palette was not applied")),
        };
        if samples != channels {
            pixels = pixels
                .chunks_exact(samples)
                .flat_map(|pixel| pixel[..channels].to_vec())
                .collect();
        }
        let side = |size: u32| usize::try_from(size).unwrap_or(usize::MAX);
        Ok(Self {
            width: side(frame.width),
            height: side(frame.height),
            channels,
            pixels,
        })
    }

    /// Pixels a row.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }
}

/// Pictures as one tensor of the shape that the model takes, a picture for each row.
pub(super) fn batch(images: &[Image], name: &str, spec: &TensorSpec) -> Result<Tensor, Error> {
    let first = images
        .first()
        .ok_or_else(|| Error::input("image", "none is given"))?;
    let (height, width, channels) = (first.height, first.width, first.channels);
    if images
        .iter()
        .any(|image| (image.height, image.width, image.channels) != (height, width, channels))
    {
        return Err(Error::input(
            "image",
            "all pictures of one call have to be of one size and kind",
        ));
    }
    if !matches!(spec.dtype.as_str(), "DT_FLOAT" | "DT_DOUBLE") {
        return Err(Error::input(
            format!("input `{name}`"),
            format!("takes {}, not numbers of 0..1", spec.dtype),
        ));
    }
    let last: Vec<usize> = [height, width, channels].to_vec();
    let candidates = [
        last,
        vec![height, width],
        vec![channels, height, width],
        vec![height * width * channels],
    ];
    let wanted = spec.shape.as_deref();
    let fits = |sizes: &Vec<usize>| {
        let flat = sizes.len() != 2 || channels == 1;
        wanted.is_none_or(|wanted| {
            wanted.len() == sizes.len() + 1
                && flat
                && sizes
                    .iter()
                    .zip(&wanted[1..])
                    .all(|(size, want)| *want == -1 || usize::try_from(*want) == Ok(*size))
        })
    };
    let sizes = candidates.iter().find(|sizes| fits(sizes)).ok_or_else(|| {
        let kind = if channels == 1 { "grey" } else { "colour" };
        let why = format!("takes shape {wanted:?}, the picture is {width}x{height}, {kind}");
        Error::input(format!("input `{name}`"), why)
    })?;
    let planes_first = sizes.len() == 3 && channels > 1 && sizes[0] == channels && sizes[2] != channels;
    let values: Vec<Value> = images
        .iter()
        .flat_map(|image| image.values(planes_first))
        .collect();
    Tensor::new([&[images.len()][..], sizes].concat(), values)
}

impl Image {
    fn values(&self, planes_first: bool) -> Vec<Value> {
        let value = |pixel: &u8| single(f32::from(*pixel) / 255.0);
        if planes_first {
            let plane = |channel: usize| self.pixels.iter().skip(channel).step_by(self.channels);
            (0..self.channels).flat_map(plane).map(value).collect()
        } else {
            self.pixels.iter().map(value).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn png(width: u32, height: u32, color: png::ColorType, pixels: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        bytes
    }

    fn spec(shape: &[i64]) -> TensorSpec {
        TensorSpec {
            dtype: "DT_FLOAT".to_owned(),
            shape: Some(shape.to_vec()),
        }
    }

    #[test]
    fn a_grey_picture_takes_the_shape_of_the_model() {
        let image = Image::from_png(&png(2, 1, png::ColorType::Grayscale, &[0, 255])).unwrap();
        assert_eq!((image.width(), image.height()), (2, 1));
        let nested =
            |shape: &[i64]| batch(std::slice::from_ref(&image), "x", &spec(shape)).map(|t| t.to_nested());
        assert_eq!(nested(&[-1, 1, 2, 1]).unwrap(), json!([[[[0.0], [1.0]]]]));
        assert_eq!(nested(&[-1, 1, 1, 2]).unwrap(), json!([[[[0.0, 1.0]]]]));
        assert_eq!(nested(&[-1, 1, 2]).unwrap(), json!([[[0.0, 1.0]]]));
        assert_eq!(nested(&[-1, 2]).unwrap(), json!([[0.0, 1.0]]));
        assert_eq!(nested(&[-1, -1, -1, 1]).unwrap(), json!([[[[0.0], [1.0]]]]));
        let wrong = nested(&[-1, 8, 8, 1]).unwrap_err().to_string();
        assert!(wrong.contains("the picture is 2x1, grey"), "{wrong}");
    }

    #[test]
    fn a_colour_picture_and_its_planes() {
        let image = Image::from_png(&png(2, 1, png::ColorType::Rgba, &[255, 0, 0, 9, 0, 255, 0, 9])).unwrap();
        let nested =
            |shape: &[i64]| batch(std::slice::from_ref(&image), "x", &spec(shape)).map(|t| t.to_nested());
        assert_eq!(
            nested(&[-1, 1, 2, 3]).unwrap(),
            json!([[[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]])
        );
        assert_eq!(
            nested(&[-1, 3, 1, 2]).unwrap(),
            json!([[[[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 0.0]]]])
        );
        assert!(nested(&[-1, 1, 2, 1]).is_err());
    }

    #[test]
    fn pictures_that_cannot_be_used_are_refused() {
        assert!(Image::from_png(b"no picture").is_err());
        let good = png(2, 1, png::ColorType::Grayscale, &[0, 255]);
        for cut in 0..good.len() - 12 {
            // The last chunk is the end mark; without what comes before it there is no picture.
            assert!(Image::from_png(&good[..cut]).is_err(), "{cut}");
        }
        let small = Image::from_png(&good).unwrap();
        let other = Image {
            width: 1,
            height: 2,
            ..small.clone()
        };
        assert!(batch(&[small.clone(), other], "x", &spec(&[-1, 2])).is_err());
        let integers = TensorSpec {
            dtype: "DT_INT64".to_owned(),
            shape: None,
        };
        assert!(batch(&[small], "x", &integers).is_err());
    }
}
