// A recovery key typed by a person, or found in a whole sheet. What is found prints to a text in which it is found.
#include "cli/recovery_key.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const auto found = cli::find_recovery_key(as_text({data, size}));
  if (!found || !*found) return 0;
  HF_MUST((*found)->view().size() == cli::kRecoveryKeyBytes);
  const cli::Secret printed = cli::recovery_key_text(**found);
  const auto again = cli::find_recovery_key(printed.text());
  HF_MUST(again && *again && (*again)->same_as(**found));
  return 0;
}
