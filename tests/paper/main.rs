//! Every document, read back by independent programs: poppler for pixels and text, zbar for codes, tesseract for the
//! PIN; and every document as dots, compared with pictures that were looked at.

mod dots;
mod fixtures;
mod fold;
mod form;
mod golden;
mod inventory;
mod label;
mod labels;
mod languages;
mod layout;
mod process;
mod raster;
mod record;
mod slip;
mod tools;
