//! Pictures of pixels with 256 colours: spectrograms and heat maps.

use super::error::FigureError;

/// From quiet to loud; lightness rises all the way, so that it reads in grey too.
const COLOURS: [[f32; 3]; 6] = [
    [0.0, 0.0, 8.0],
    [40.0, 11.0, 84.0],
    [120.0, 28.0, 109.0],
    [205.0, 65.0, 70.0],
    [250.0, 150.0, 25.0],
    [252.0, 250.0, 160.0],
];
/// The one colour of heat maps; it reads on light and on dark paper.
const HEAT: [u8; 3] = [44, 122, 196];

/// What the numbers of a raster mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// Dark to light.
    Level,
    /// Nothing to full colour.
    Heat,
}

/// Rows of numbers 0…255 from the top.
#[derive(Clone, Debug)]
pub struct Raster {
    /// Numbers in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `[row][column]`
    pub values: Vec<u8>,
    /// What they mean.
    pub palette: Palette,
}

/// A part 0…1 as a number of a raster.
pub fn level(part: f32) -> u8 {
    // What is no number becomes 0.
    (part * 255.0).round() as u8
}

/// The colour of a part 0…1 of the scale.
pub fn colour(part: f32) -> [u8; 3] {
    let place = part.clamp(0.0, 1.0) * (COLOURS.len() - 1) as f32;
    let index = (place as usize).min(COLOURS.len() - 2);
    let mix = place - index as f32;
    std::array::from_fn(|i| (COLOURS[index][i] * (1.0 - mix) + COLOURS[index + 1][i] * mix).round() as u8)
}

impl Raster {
    /// With every number repeated to fill `width` by `height`.
    pub fn stretched(&self, width: usize, height: usize) -> Self {
        let at = |row: usize, column: usize| {
            self.values[row * self.height / height * self.width + column * self.width / width]
        };
        let values =
            (0..height).flat_map(|row| (0..width).map(move |column| (row, column))).map(|(r, c)| at(r, c)).collect();
        Self { width, height, values, palette: self.palette }
    }

    /// RGB bytes, on white where there is nothing.
    pub fn rgb(&self) -> Vec<u8> {
        let colours: Vec<[u8; 3]> = (0..=255u8)
            .map(|value| match self.palette {
                Palette::Level => colour(f32::from(value) / 255.0),
                Palette::Heat => HEAT.map(|c| (255 - (255 - u16::from(c)) * u16::from(value) / 255) as u8),
            })
            .collect();
        self.values.iter().flat_map(|&value| colours[usize::from(value)]).collect()
    }

    /// A PNG file with a palette.
    pub fn png(&self) -> Result<Vec<u8>, FigureError> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        match self.palette {
            Palette::Level => {
                encoder.set_palette((0..=255u8).flat_map(|v| colour(f32::from(v) / 255.0)).collect::<Vec<u8>>());
            }
            Palette::Heat => {
                encoder.set_palette(HEAT.repeat(256));
                encoder.set_trns((0..=255).collect::<Vec<u8>>());
            }
        }
        let mut writer = encoder.write_header().map_err(FigureError::new)?;
        writer.write_image_data(&self.values).map_err(FigureError::new)?;
        writer.finish().map_err(FigureError::new)?;
        Ok(file)
    }
}

/// A PNG file of RGB bytes.
pub fn rgb_png(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, FigureError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().map_err(FigureError::new)?;
    writer.write_image_data(pixels).map_err(FigureError::new)?;
    writer.finish().map_err(FigureError::new)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lightness_rises_over_the_whole_scale() {
        let light = |part: f32| {
            let [r, g, b] = colour(part).map(f32::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        assert!((0..100).all(|i| light(i as f32 / 100.0) < light((i + 1) as f32 / 100.0)));
        assert_eq!((colour(f32::NEG_INFINITY), colour(9.0)), ([0, 0, 8], [252, 250, 160]));
        assert_eq!([level(-1.0), level(0.5), level(3.0), level(f32::NAN)], [0, 128, 255, 0]);
    }

    #[test]
    fn a_png_holds_the_numbers() {
        let raster = Raster { width: 3, height: 2, values: vec![0, 1, 128, 255, 7, 9], palette: Palette::Heat };
        let file = raster.png().expect("a picture");
        let mut decoder = png::Decoder::new(std::io::Cursor::new(&file));
        decoder.set_transformations(png::Transformations::IDENTITY);
        let mut reader = decoder.read_info().expect("a PNG file");
        let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
        reader.next_frame(&mut pixels).expect("a whole picture");
        assert_eq!(pixels, raster.values);
        assert_eq!(raster.rgb()[9..12], HEAT);
        assert_eq!(raster.rgb()[..3], [255; 3]);
    }
}
