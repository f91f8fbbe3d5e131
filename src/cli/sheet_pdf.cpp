#include "cli/sheet_pdf.hpp"

#include <fmt/format.h>
#include <qrencode.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace hf::cli {
namespace {

constexpr int kPageWidth = 595, kPageHeight = 842, kMargin = 40;  // points: A4, 14 mm
constexpr int kFontSize = 9, kLineHeight = 12;
constexpr std::size_t kColumns = (kPageWidth - 2 * kMargin) * 10 / (kFontSize * 6);  // Courier is 0.6 wide
constexpr int kCodeSize = 190;

struct Free {
  void operator()(QRcode* code) const {
    wipe({code->data, static_cast<std::size_t>(code->width) * static_cast<std::size_t>(code->width)});
    QRcode_free(code);
  }
};

/// A literal string of a PDF in WinAnsiEncoding, whose code points from 32 to 255 are almost Latin-1.
std::string literal(std::string_view utf8) {
  std::string out = "(";
  for (std::size_t i = 0; i < utf8.size();) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    unsigned code = byte;
    std::size_t length = 1;
    if (byte >= 0xC2 && byte <= 0xC3 && i + 1 < utf8.size()) {
      code = (byte & 0x1Fu) << 6 | (static_cast<unsigned char>(utf8[i + 1]) & 0x3Fu);
      length = 2;
    } else if (byte >= 0x80) {
      code = '?';
      length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    }
    if (code < 32 || (code >= 127 && code < 160)) code = '?';
    if (code == '(' || code == ')' || code == '\\') out += '\\';
    if (code < 128) out += static_cast<char>(code);
    else out += fmt::format("\\{:03o}", code);
    i += length;
  }
  return out + ")";
}

std::string drawn_text(std::string_view text, int& lines) {
  std::string out = fmt::format("BT /F1 {} Tf {} TL {} {} Td\n", kFontSize, kLineHeight, kMargin, kPageHeight - kMargin - kFontSize);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    do {  // a long path goes on in the next line
      const std::string_view part = line.substr(0, kColumns);
      out += literal(part) + " Tj T*\n";
      line.remove_prefix(part.size());
      ++lines;
    } while (!line.empty());
  }
  return out + "ET\n";
}

/// Dark modules as rectangles, a run of them at a time.
std::string drawn_code(const QRcode& code, double top) {
  constexpr int kQuiet = 4;  // modules of white around it: ISO/IEC 18004
  const double module = static_cast<double>(kCodeSize) / (code.width + 2 * kQuiet);
  std::string out = "0 g\n";
  for (int y = 0; y < code.width; ++y)
    for (int x = 0; x < code.width;) {
      int run = 0;
      while (x + run < code.width && (code.data[y * code.width + x + run] & 1) != 0) ++run;
      if (run > 0) out += fmt::format("{:.3f} {:.3f} {:.3f} {:.3f} re f\n", kMargin + (x + kQuiet) * module, top - (y + kQuiet + 1) * module, run * module, module);
      x += run + (run == 0 ? 1 : 0);
    }
  return out;
}

void wipe_text(std::string& s) { wipe({reinterpret_cast<std::uint8_t*>(s.data()), s.size()}); }

}  // namespace

Result<Secret> sheet_pdf(const Secret& sheet, const Secret& scanned) {
  const std::unique_ptr<QRcode, Free> code(QRcode_encodeData(static_cast<int>(scanned.size()), scanned.view().data(), 0, QR_ECLEVEL_Q));
  if (code == nullptr) return Error(Code::io, "the QR code of the sheet could not be made", "write the sheet as text: a file name that does not end in .pdf");
  int lines = 0;
  std::string content = drawn_text(sheet.text(), lines);
  content += drawn_code(*code, kPageHeight - kMargin - lines * kLineHeight - 8);
  content += fmt::format("BT /F1 {} Tf {} TL {} {} Td (The code holds the same lines:) Tj T* (scan it, and save its text as the key file.) Tj ET\n", kFontSize, kLineHeight,
                         kMargin + kCodeSize + 12, kPageHeight - kMargin - lines * kLineHeight - 40);

  // The objects of a PDF, then where each begins (ISO 32000-1, 7.5).
  std::string out = "%PDF-1.4\n%\xC2\xB5\xC2\xB6\n";
  out.reserve(content.size() + 4096);
  std::vector<std::size_t> offsets;
  const auto object = [&](std::string_view body) {
    offsets.push_back(out.size());
    out += fmt::format("{} 0 obj\n{}\nendobj\n", offsets.size(), body);
  };
  object("<< /Type /Catalog /Pages 2 0 R >>");
  object("<< /Type /Pages /Kids [3 0 R] /Count 1 >>");
  object(fmt::format("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {} {}] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> >> >>", kPageWidth, kPageHeight));
  object("<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>");
  std::string stream = fmt::format("<< /Length {} >>\nstream\n{}endstream", content.size(), content);
  object(stream);
  const std::size_t table = out.size();
  out += fmt::format("xref\n0 {}\n0000000000 65535 f \n", offsets.size() + 1);
  for (std::size_t offset : offsets) out += fmt::format("{:010} 00000 n \n", offset);
  out += fmt::format("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{}\n%%EOF\n", offsets.size() + 1, table);

  Secret pdf(out);
  wipe_text(content);
  wipe_text(stream);
  wipe_text(out);
  return pdf;
}

Result<Secret> sheet_for_file(const std::string& path, const Secret& sheet, const Secret& scanned) {
  if (path.ends_with(".pdf")) return sheet_pdf(sheet, scanned);
  return Secret(sheet.view());
}

}  // namespace hf::cli
