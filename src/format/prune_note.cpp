#include "format/prune_note.hpp"

#include <algorithm>

#include "format/wire.hpp"

namespace hf {

Buffer encode_prune_note(const PruneNote& note) {
  Buffer out;
  out.reserve(64);
  wire::Writer w(out);
  w.u8(1);
  w.raw(note.state);
  for (std::uint64_t n : {note.packs, note.bytes_unused, note.chunks_live}) w.varint(n);
  return out;
}

Result<PruneNote> decode_prune_note(ByteView in) {
  wire::Reader r(in);
  const bool known = r.u8() == 1;
  PruneNote note;
  const ByteView state = r.raw(note.state.size());
  for (std::uint64_t* n : {&note.packs, &note.bytes_unused, &note.chunks_live}) *n = r.varint();
  if (!known || !r.at_end()) return Error(Code::corrupt, "the note of the last prune is damaged");
  std::copy(state.begin(), state.end(), note.state.begin());
  return note;
}

}  // namespace hf
