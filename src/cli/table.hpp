#pragma once
// Columns of text: as wide as their widest cell, two spaces apart. For lists that fit in memory anyway.

#include <string>
#include <vector>

#include "cli/output.hpp"

namespace hf::cli {

class Table {
 public:
  enum class Align : std::uint8_t { left, right };
  struct Column {
    std::string_view heading;  ///< "" in every column: no line of headings
    Align align = Align::left;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  /// False once nobody reads any more.
  bool print(Output& out) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace hf::cli
