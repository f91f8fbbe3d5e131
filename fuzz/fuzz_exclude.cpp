// Exclude patterns: rules, a zero byte, a path. Any bytes; an answer in time that grows with their product at most.
#include "fuzz/check.hpp"
#include "source/fs/exclude.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  if (size > 4096) return 0;
  const std::string_view all = as_text({data, size});
  const std::size_t zero = std::min(all.find('\0'), all.size());
  ExcludeRules rules;
  if (!rules.add_lines(all.substr(0, zero))) return 0;
  const std::string path = "/" + std::string(all.substr(std::min(zero + 1, all.size())));
  const std::string name = path.substr(path.rfind('/') + 1);
  for (const bool is_directory : {false, true}) {
    const bool first = rules.excludes(path, name, is_directory);
    HF_MUST(first == rules.excludes(path, name, is_directory));
    HF_MUST(!first || !rules.empty());
  }
  return 0;
}
