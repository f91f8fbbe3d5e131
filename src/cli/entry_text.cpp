#include "cli/entry_text.hpp"

namespace hf::cli {

std::string_view word_of(FileType type) {
  switch (type) {
    case FileType::regular: return "file";
    case FileType::directory: return "directory";
    case FileType::symlink: return "symlink";
    case FileType::fifo: return "fifo";
    case FileType::socket: return "socket";
    case FileType::char_device: return "char_device";
    case FileType::block_device: return "block_device";
    case FileType::unknown: break;
  }
  return "unknown";
}

std::string mode_text(const Stat& s) {
  std::string out = "?rwxrwxrwx";
  switch (s.type) {
    case FileType::directory: out[0] = 'd'; break;
    case FileType::symlink: out[0] = 'l'; break;
    case FileType::fifo: out[0] = 'p'; break;
    case FileType::socket: out[0] = 's'; break;
    case FileType::char_device: out[0] = 'c'; break;
    case FileType::block_device: out[0] = 'b'; break;
    default: out[0] = '-';
  }
  for (std::size_t i = 0; i < 9; ++i)
    if ((s.mode >> (8 - i) & 1) == 0) out[1 + i] = '-';
  const auto special = [&](unsigned bit, std::size_t at, char executable, char plain) {
    if ((s.mode & bit) != 0) out[at] = out[at] == 'x' ? executable : plain;
  };
  special(04000, 3, 's', 'S');
  special(02000, 6, 's', 'S');
  special(01000, 9, 't', 'T');
  return out;
}

}  // namespace hf::cli
