// Shares of a recovery key, typed by persons. What is found prints to a text in which it is found.
#include "cli/key_shares.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const auto found = cli::find_shares(as_text({data, size}));
  if (!found) return 0;
  for (const cli::KeyShare& share : *found) {
    HF_MUST(share.value.size() == cli::kRecoveryKeyBytes && share.index >= 1 && share.index <= share.count);
    const cli::Secret printed = cli::share_text(share);
    const auto again = cli::find_shares(printed.text());
    HF_MUST(again && again->size() == 1 && (*again)[0].value.same_as(share.value) && (*again)[0].index == share.index);
  }
  const auto key = cli::combine_shares(*found);
  HF_MUST(!key || key->size() == cli::kRecoveryKeyBytes);
  return 0;
}
