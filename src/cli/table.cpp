#include "cli/table.hpp"

#include <algorithm>

#include "cli/text.hpp"

namespace hf::cli {

bool Table::print(Output& out) const {
  std::vector<std::vector<std::string>> cells;
  bool headed = false;
  std::vector<std::string> heading;
  for (const Column& c : columns_) {
    heading.emplace_back(c.heading);
    headed = headed || !c.heading.empty();
  }
  for (const auto& row : rows_) {
    auto& shown = cells.emplace_back();
    for (const std::string& cell : row) shown.push_back(printable(cell));
  }
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = columns_of(heading[c]);
    for (const auto& row : cells)
      if (c < row.size()) width = std::max(width, columns_of(row[c]));
    widths.push_back(width);
  }
  const auto line = [&](const std::vector<std::string>& row, bool bold) {
    std::string text;
    for (std::size_t c = 0; c < row.size() && c < columns_.size(); ++c) {
      const std::string space(widths[c] - std::min(widths[c], columns_of(row[c])), ' ');
      if (c > 0) text += "  ";
      text += columns_[c].align == Align::right ? space + row[c] : row[c] + space;
    }
    while (text.ends_with(' ')) text.pop_back();
    return out.line(bold ? out.paint(Ink::bold, text) : text);
  };
  if (headed && !line(heading, true)) return false;
  for (const auto& row : cells)
    if (!line(row, false)) return false;
  return true;
}

}  // namespace hf::cli
