// Directory nodes and lists of references.
#include "format/tree.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const ByteView in(data, size);
  fuzz::canonical(in, decode_node, [](const TreeNode& n) {
    for (const Entry& e : n.entries) HF_MUST(is_safe_name(e.name));
    return n.is_leaf() ? encode_leaf(n.entries) : encode_inner(n.ranges);
  });
  fuzz::canonical(in, decode_ref_list, encode_ref_list);
  return 0;
}
