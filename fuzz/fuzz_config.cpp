// holdfast.toml: any bytes give a configuration, or an error that says where.
#include "cli/config.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const auto config = cli::parse_config(as_text({data, size}), "holdfast.toml");
  if (!config) {
    HF_MUST(config.error().code == Code::usage);
    HF_MUST(!config.error().message.empty());
  }
  return 0;
}
