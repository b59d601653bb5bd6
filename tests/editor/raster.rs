//! Draws egui's triangles into pixels: slow, exact and the same everywhere, so that pictures need neither a window nor a graphics card.

use egui::{
    ClippedPrimitive, Color32, ImageData, Rgba, TextureId, TexturesDelta,
    epaint::{ImageDelta, Mesh, Primitive, Vertex},
};
use std::collections::HashMap;

struct Texture {
    width: usize,
    height: usize,
    pixels: Vec<Color32>,
}

/// The textures that egui has sent.
#[derive(Default)]
pub struct Raster(HashMap<TextureId, Texture>);

/// A picture, `[row][column]`.
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<Color32>,
}

impl Picture {
    pub fn at(&self, x: usize, y: usize) -> Color32 {
        self.pixels[y * self.width + x]
    }

    /// How many pixels of a rectangle (left, top, right, bottom; parts of the picture) are nearly of this colour.
    pub fn count_near(&self, colour: Color32, part: [f32; 4]) -> usize {
        let [left, top, right, bottom] = part;
        let x = |part: f32| (part * self.width as f32) as usize;
        let y = |part: f32| (part * self.height as f32) as usize;
        let near = |a: u8, b: u8| a.abs_diff(b) < 24;
        (y(top)..y(bottom))
            .flat_map(|row| (x(left)..x(right)).map(move |column| (column, row)))
            .map(|(column, row)| self.at(column, row))
            .filter(|p| near(p.r(), colour.r()) && near(p.g(), colour.g()) && near(p.b(), colour.b()))
            .count()
    }

    /// Writes it as a PNG file.
    pub fn save(&self, path: &std::path::Path) {
        let file = std::fs::File::create(path).expect("a place for the picture");
        let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        let bytes: Vec<u8> = self.pixels.iter().flat_map(|p| [p.r(), p.g(), p.b()]).collect();
        encoder.write_header().expect("room").write_image_data(&bytes).expect("room");
    }
}

impl Raster {
    pub fn take(&mut self, delta: &mut TexturesDelta) {
        for (id, deltas) in &delta.set {
            for delta in deltas {
                self.set(*id, delta);
            }
        }
        delta.free.iter().for_each(|id| drop(self.0.remove(id)));
        delta.clear();
    }

    fn set(&mut self, id: TextureId, delta: &ImageDelta) {
        let ImageData::Color(image) = &delta.image;
        let [width, height] = image.size;
        let Some([left, top]) = delta.pos else {
            self.0.insert(id, Texture { width, height, pixels: image.pixels.clone() });
            return;
        };
        let texture = self.0.get_mut(&id).expect("a part of something");
        for row in 0..height {
            let to = (top + row) * texture.width + left;
            texture.pixels[to..to + width].copy_from_slice(&image.pixels[row * width..(row + 1) * width]);
        }
    }

    pub fn draw(&self, primitives: &[ClippedPrimitive], size: [usize; 2], scale: f32, back: Color32) -> Picture {
        let [width, height] = size;
        let mut picture = Picture { width, height, pixels: vec![back; width * height] };
        for ClippedPrimitive { clip_rect, primitive } in primitives {
            let Primitive::Mesh(mesh) = primitive else { continue };
            let clip = [clip_rect.left(), clip_rect.top(), clip_rect.right(), clip_rect.bottom()]
                .map(|edge| (edge * scale).round().max(0.0) as usize);
            let clip = [clip[0].min(width), clip[1].min(height), clip[2].min(width), clip[3].min(height)];
            self.mesh(mesh, clip, scale, &mut picture);
        }
        picture
    }

    fn mesh(&self, mesh: &Mesh, clip: [usize; 4], scale: f32, picture: &mut Picture) {
        let texture = &self.0[&mesh.texture_id];
        for corners in mesh.indices.chunks_exact(3) {
            let corners = [0, 1, 2].map(|i| &mesh.vertices[corners[i] as usize]);
            triangle(corners, texture, clip, scale, picture);
        }
    }
}

fn triangle(corners: [&Vertex; 3], texture: &Texture, clip: [usize; 4], scale: f32, picture: &mut Picture) {
    let [a, b, c] = corners.map(|corner| (corner.pos * scale).to_vec2());
    let cross = |p: egui::Vec2, q: egui::Vec2| p.x * q.y - p.y * q.x;
    let area = cross(b - a, c - a);
    if area == 0.0 {
        return;
    }
    let least = a.min(b).min(c);
    let most = a.max(b).max(c);
    let columns = clip[0].max(least.x.floor().max(0.0) as usize)..clip[2].min(most.x.ceil().max(0.0) as usize);
    let rows = clip[1].max(least.y.floor().max(0.0) as usize)..clip[3].min(most.y.ceil().max(0.0) as usize);
    let colours = corners.map(|corner| {
        Rgba::from_rgba_premultiplied(
            f32::from(corner.color.r()),
            f32::from(corner.color.g()),
            f32::from(corner.color.b()),
            f32::from(corner.color.a()),
        )
    });
    // An edge that two triangles share belongs to one of them.
    let is_inside = |weight: f32, edge: egui::Vec2| {
        weight > 0.0 || (weight == 0.0 && (edge.y * area > 0.0 || (edge.y == 0.0 && edge.x * area < 0.0)))
    };
    for row in rows {
        for column in columns.clone() {
            let p = egui::vec2(column as f32 + 0.5, row as f32 + 0.5);
            let weights = [cross(c - b, p - b) / area, cross(a - c, p - c) / area, cross(b - a, p - a) / area];
            if !(is_inside(weights[0], c - b) && is_inside(weights[1], a - c) && is_inside(weights[2], b - a)) {
                continue;
            }
            let mix = |of: [f32; 3]| weights[0] * of[0] + weights[1] * of[1] + weights[2] * of[2];
            let texel = texture.at(mix(corners.map(|corner| corner.uv.x)), mix(corners.map(|corner| corner.uv.y)));
            let colour = |channel: fn(&Rgba) -> f32, own: f32| mix(colours.each_ref().map(channel)) * own / 255.0;
            let alpha = colour(Rgba::a, texel[3]) / 255.0;
            let under = &mut picture.pixels[row * picture.width + column];
            let blend =
                |over: f32, under: u8| (over + f32::from(under) * (1.0 - alpha)).round().clamp(0.0, 255.0) as u8;
            *under = Color32::from_rgb(
                blend(colour(Rgba::r, texel[0]), under.r()),
                blend(colour(Rgba::g, texel[1]), under.g()),
                blend(colour(Rgba::b, texel[2]), under.b()),
            );
        }
    }
}

impl Texture {
    /// Between the four nearest pixels.
    fn at(&self, u: f32, v: f32) -> [f32; 4] {
        let x = (u * self.width as f32 - 0.5).clamp(0.0, self.width as f32 - 1.0);
        let y = (v * self.height as f32 - 0.5).clamp(0.0, self.height as f32 - 1.0);
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let (fx, fy) = (x - left as f32, y - top as f32);
        let pixel = |column: usize, row: usize| self.pixels[row * self.width + column].to_array().map(f32::from);
        let [a, b, c, d] = [pixel(left, top), pixel(right, top), pixel(left, bottom), pixel(right, bottom)];
        std::array::from_fn(|i| (a[i] * (1.0 - fx) + b[i] * fx) * (1.0 - fy) + (c[i] * (1.0 - fx) + d[i] * fx) * fy)
    }
}
