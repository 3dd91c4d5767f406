//! The pay URL as a QR code, for invoices on paper.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::ids::LinkId;
use qrcode::render::svg;
use qrcode::types::{Color, QrError};
use qrcode::{EcLevel, QrCode};
use web::extract::Path;
use web::{ApiProblem, Caller};

use crate::caller::MayRead;

/// The light margin that a reader needs, in modules, by ISO/IEC 18004.
const QUIET_ZONE: usize = 4;

/// How many pixels wide a module is: about four centimetres in print at 300 dots per inch.
const MODULE_PIXELS: usize = 12;

#[derive(Debug, thiserror::Error)]
enum DrawError {
    #[error("the address does not fit a QR code: {0}")]
    TooLong(#[from] QrError),
    #[error("the picture cannot be written: {0}")]
    Picture(#[from] png::EncodingError),
    #[error("the picture is too large")]
    TooLarge,
}

pub(crate) async fn svg(MayRead(caller): MayRead, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let code = code_of(&caller, &id).await?;
    let drawn = code.render::<svg::Color<'_>>().quiet_zone(true).min_dimensions(200, 200).build();
    Ok(picture("image/svg+xml", drawn.into_bytes()))
}

pub(crate) async fn png(MayRead(caller): MayRead, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let code = code_of(&caller, &id).await?;
    let drawn = draw_png(&code).map_err(|error| ApiProblem::unavailable(&error))?;
    Ok(picture("image/png", drawn))
}

/// A stain or a fold may cover a seventh of the code.
async fn code_of(caller: &Caller, id: &str) -> Result<QrCode, ApiProblem> {
    let unknown = || ApiProblem::not_found("payment link");
    let id = LinkId::parse(id).map_err(|_| unknown())?;
    let link = caller.store.link(&id).await?.ok_or_else(unknown)?;
    QrCode::with_error_correction_level(link.url(), EcLevel::M)
        .map_err(|error| ApiProblem::unavailable(&DrawError::TooLong(error)))
}

/// Black and white, one byte for each pixel.
fn draw_png(code: &QrCode) -> Result<Vec<u8>, DrawError> {
    let modules = code.width() + 2 * QUIET_ZONE;
    let side = modules * MODULE_PIXELS;
    let is_dark = |module: (usize, usize)| {
        let inside = |at: usize| at.checked_sub(QUIET_ZONE).filter(|at| *at < code.width());
        matches!((inside(module.0), inside(module.1)), (Some(x), Some(y)) if code[(x, y)] == Color::Dark)
    };
    let pixels: Vec<u8> = (0..side * side)
        .map(|pixel| (pixel % side / MODULE_PIXELS, pixel / side / MODULE_PIXELS))
        .map(|module| if is_dark(module) { 0 } else { 255 })
        .collect();
    let side = u32::try_from(side).map_err(|_| DrawError::TooLarge)?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(file)
}

/// Anybody who has the picture can pay, so no cache may keep it.
fn picture(kind: &'static str, bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, bytes).into_response()
}
