#include "format/known_points.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "format/wire.hpp"

namespace hf {

Buffer encode_known_points(const KnownPoints& known) {
  std::vector<std::pair<PointId, Digest>> sorted(known.begin(), known.end());
  std::sort(sorted.begin(), sorted.end());
  Buffer out;
  wire::Writer w(out);
  w.u8(1);
  w.varint(sorted.size());
  for (const auto& [id, digest] : sorted) {
    w.id(id);
    w.raw(digest);
  }
  return out;
}

Result<KnownPoints> decode_known_points(ByteView in) {
  const Error damaged(Code::corrupt, "the cache of points is damaged");
  wire::Reader r(in);
  if (r.u8() != 1) return damaged;
  const std::uint64_t n = r.count(r.left() / (PointId::kBytes + sizeof(Digest)));
  KnownPoints out;
  out.reserve(n);
  std::optional<PointId> last;
  for (std::uint64_t i = 0; i < n; ++i) {
    const PointId id = r.id<PointId>();
    if (last && *last >= id) return damaged;
    last = id;
    const ByteView digest = r.raw(sizeof(Digest));
    if (!r.ok()) return damaged;
    std::copy(digest.begin(), digest.end(), out[id].begin());
  }
  if (!r.at_end()) return damaged;
  return out;
}

}  // namespace hf
