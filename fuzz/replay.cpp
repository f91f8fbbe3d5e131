// Runs a fuzz target over files and directories of files: how builds without libFuzzer cover the kept corpus.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "fuzz/check.hpp"

namespace {
int inputs = 0;
void run(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const hf::ByteView whole = hf::as_bytes(text);
  // Each input at the end of its own allocation, so that a sanitizer sees a byte too many; and what a torn one gives.
  for (const std::size_t size : {whole.size(), whole.size() / 2, whole.size() - (whole.empty() ? 0 : 1)}) {
    const hf::Buffer input(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  ++inputs;
}
}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) run(argv[i]);
    else
      for (const auto& entry : std::filesystem::directory_iterator(argv[i])) run(entry.path());
  }
  std::printf("%d inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}
