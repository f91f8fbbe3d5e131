#pragma once
// Identities: fixed-size byte strings of distinct types, so that a chunk id is never passed where a pack id is meant.

#include <array>
#include <compare>
#include <cstring>
#include <functional>

#include "base/bytes.hpp"

namespace hf {

template <class Tag, std::size_t N>
struct Id {
  static constexpr std::size_t kBytes = N;
  std::array<std::uint8_t, N> bytes{};

  auto operator<=>(const Id&) const = default;
  ByteView view() const { return bytes; }
  std::string hex() const { return to_hex(bytes); }
  /// The first eight digits: enough for a person.
  std::string brief() const { return to_hex(ByteView(bytes).first(4)); }
  bool is_zero() const {
    for (std::uint8_t b : bytes)
      if (b != 0) return false;
    return true;
  }
  static Id from(ByteView view) {
    Id id;
    if (view.size() >= N) std::memcpy(id.bytes.data(), view.data(), N);
    return id;
  }
  static Result<Id> parse(std::string_view hex) {
    Buffer raw = HF_TRY(from_hex(hex));
    if (raw.size() != N) return Error(Code::usage, "an id must have " + std::to_string(2 * N) + " hexadecimal digits");
    return from(raw);
  }
};

using ChunkId = Id<struct ChunkTag, 32>;   ///< keyed hash of a chunk's plaintext
using PackId = Id<struct PackTag, 32>;     ///< hash of a pack's stored bytes
using PointId = Id<struct PointTag, 16>;   ///< random
using VaultId = Id<struct VaultTag, 16>;   ///< random
using SlotId = Id<struct SlotTag, 16>;     ///< random
using WriterId = Id<struct WriterTag, 8>;  ///< the first half of a write-only key's slot id; zero: the vault's own keys
using RunId = Id<struct RunTag, 32>;       ///< hash of an index run's stored bytes

}  // namespace hf

template <class Tag, std::size_t N>
struct std::hash<hf::Id<Tag, N>> {
  /// Ids are uniformly distributed already: their first word is the hash.
  std::size_t operator()(const hf::Id<Tag, N>& id) const noexcept {
    std::size_t word;
    std::memcpy(&word, id.bytes.data(), sizeof word);
    return word;
  }
};
