#pragma once
// A sheet as a page to print: its text, and a QR code of what would have to be typed.

#include "base/result.hpp"
#include "cli/secret.hpp"

namespace hf::cli {

/// One A4 page. The PDF is written here rather than by a library: it is a dozen lines of structure around the text, needs
/// no font of its own, and no copy of the secret stays in a library's memory. Characters outside Latin-1 print as "?".
/// `scanned` is what the QR code gives, at most 600 bytes. Fails only without memory.
Result<Secret> sheet_pdf(const Secret& sheet, const Secret& scanned);

/// The same, for a file name that ends in .pdf; else the text as it is.
Result<Secret> sheet_for_file(const std::string& path, const Secret& sheet, const Secret& scanned);

}  // namespace hf::cli
