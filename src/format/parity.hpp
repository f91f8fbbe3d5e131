#pragma once
// Parity of a pack: an object beside it, with which damage is found and mended without a key (docs/format/parity.md).
//
//   head │ table │ parity blocks │ table │ head          table: SHA-256 of each block of the pack, then of each parity block
//
// Head and table stand twice, at both ends, because they are what a single bad sector must not take. Block b of the pack
// is column b / groups of group b mod groups, so that a run of bad blocks is shared among all groups. Where blocks are
// 64 KiB, their digests give the pack's name, and so nobody can forge them.

#include <functional>
#include <optional>
#include <vector>

#include "format/pack.hpp"

namespace hf {

constexpr unsigned kParityPercent = 4;      ///< of the pack, unless the vault says otherwise
constexpr unsigned kParityPercentMax = 25;

/// How a pack is divided.
struct ParityShape {
  static constexpr unsigned kBlockBitsMin = 12, kBlockBitsMax = 16;  ///< 4 KiB, a disk's sector, to 64 KiB, as names have it
  static constexpr std::uint64_t kBlocksMax = 1u << 17;              ///< 8 GiB of 64 KiB

  std::uint64_t pack_bytes = 0;
  unsigned block_bits = kBlockBitsMax;
  std::uint32_t groups = 1;
  std::uint32_t rows = 1;  ///< parity blocks of each group

  /// What a writer takes who knows the size: blocks of 64 KiB, smaller ones for packs below 4 MiB, which would else pay too
  /// much, and at least two parity blocks, so that two bad sectors never are too many. A pack of one block has one: a copy.
  static ParityShape suited(std::uint64_t pack_bytes, unsigned percent = kParityPercent);
  /// Whether the limits of the format hold; all below may be asked only then.
  bool valid() const;

  std::uint32_t block_bytes() const { return 1u << block_bits; }
  std::uint64_t blocks() const { return (pack_bytes + block_bytes() - 1) >> block_bits; }
  std::uint32_t bytes_of(std::uint64_t block) const;  ///< the last one may be shorter
  std::uint32_t columns_of(std::uint32_t group) const { return static_cast<std::uint32_t>((blocks() - group + groups - 1) / groups); }
  std::uint64_t parity_blocks() const { return std::uint64_t{groups} * rows; }
  /// A pack of one short block has a parity block as short.
  std::uint32_t parity_block_bytes() const { return static_cast<std::uint32_t>(std::min<std::uint64_t>(pack_bytes, block_bytes())); }
  std::uint64_t table_bytes() const { return sizeof(Digest) * (blocks() + parity_blocks()); }
  std::uint64_t parity_offset(std::uint64_t parity_block) const;  ///< in the object; parity block = group + groups · row
  std::uint64_t object_bytes() const;
  bool operator==(const ParityShape&) const = default;
};

struct ParityHead {
  static constexpr std::size_t kBytes = 96;
  ParityShape shape;
  PackId pack;
  Digest table{};  ///< SHA-256 of the table

  Buffer encode() const;
  /// The shape is valid; Unsupported where a newer version wrote it.
  static Result<ParityHead> decode(ByteView in);
};

struct ParityTable {
  std::vector<Digest> blocks, parity;
  Buffer encode() const;
  /// Corrupt where it is not the table that the head means or, with blocks of 64 KiB, not the one that the pack's name means.
  static Result<ParityTable> decode(const ParityHead& head, ByteView in);
};

/// Makes parity of a pack that streams by. Holds up to 4 MiB of the pack, then only the parity that it makes.
class ParityBuilder {
 public:
  /// `expected_bytes` is about what will come: with much more there is no parity from here (finish() tells).
  explicit ParityBuilder(std::uint64_t expected_bytes, unsigned percent = kParityPercent);
  void update(ByteView bytes);
  /// Writes the object piece by piece. `name_blocks` are the digests that ContentName kept of the whole pack.
  /// False where far more came than was expected, or nothing, and nothing was written. Call once.
  Result<bool> finish(const PackId& pack, std::span<const Digest> name_blocks, const std::function<Status(ByteView)>& write);

 private:
  void add(std::uint64_t offset, ByteView bytes);

  const unsigned percent_;
  ParityShape shape_;  // of what is being added up; pack_bytes grows
  bool too_much_ = false;
  Buffer first_;       // all there is, until it is clear that blocks are 64 KiB
  Buffer parity_;      // by parity block
};

/// The object `parity/00`: that packs of this vault get parity. Its absence says that they do not.
struct ParityChoice {
  unsigned percent = kParityPercent;
  Buffer encode() const;
  static Result<ParityChoice> decode(ByteView in);
};

}  // namespace hf
