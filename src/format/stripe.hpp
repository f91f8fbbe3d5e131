#pragma once
// Stripes: parity across packs (docs/format/stripe.md). A stripe is some packs and as many parity packs as may be lost with
// them; each parity pack is an object, named after the stripe and its row, that may rest on another store.
//
//   head │ record 0 │ record 1 │ … │ head        record b: SHA-256 of block b of each pack that has one, parity block, seal
//
// Block b of every pack is one code word, so losses may lie at other packs in every place. The digests of a pack's blocks
// are those that its name is the hash of: what a stripe gives back is proven by that name, and nothing else is believed.

#include <optional>
#include <vector>

#include "format/pack.hpp"

namespace hf {

using StripeId = Id<struct StripeTag, 32>;  ///< hash of what the stripe is of

constexpr unsigned kStripeData = 10, kStripeParity = 2;  ///< what a vault gets that does not say otherwise

struct StripeMember {
  PackId pack;
  std::uint64_t bytes = 0;
  bool operator==(const StripeMember&) const = default;
};

/// What a stripe is of: column i is members[i]. Shorter packs count as if zeros followed.
struct Stripe {
  static constexpr std::size_t kBlockBytes = ContentName::kBlockBytes;
  static constexpr unsigned kMembersMax = 128, kRowsMax = 32;
  static constexpr std::uint64_t kPackBytesMax = 8ull << 30;
  static constexpr std::size_t kSealBytes = 32;
  static constexpr std::size_t kHeadBytesMin = 34, kMemberBytes = 40, kHeadBytesMax = kHeadBytesMin + kMemberBytes * kMembersMax;
  static constexpr std::size_t head_bytes(std::size_t members) { return kHeadBytesMin + kMemberBytes * members; }

  VaultId vault;
  unsigned rows = kStripeParity;
  std::vector<StripeMember> members;  ///< the largest first, equals by id

  /// Puts the members into their order.
  static Stripe of(const VaultId& vault, unsigned rows, std::vector<StripeMember> members);
  /// Whether the limits of the format hold; all below may be asked only then.
  bool valid() const;
  StripeId id() const;

  std::uint64_t blocks() const { return (members[0].bytes + kBlockBytes - 1) / kBlockBytes; }
  /// Members that have a block there: the first so many.
  std::size_t members_at(std::uint64_t block) const;
  std::size_t bytes_of(std::size_t member, std::uint64_t block) const;  ///< 0 where it has none
  std::size_t parity_bytes(std::uint64_t block) const { return bytes_of(0, block); }
  std::uint64_t record_offset(std::uint64_t block) const;
  std::size_t record_bytes(std::uint64_t block) const { return sizeof(Digest) * members_at(block) + parity_bytes(block) + kSealBytes; }
  std::uint64_t object_bytes() const { return record_offset(blocks()) + head_bytes(members.size()); }
  bool operator==(const Stripe&) const = default;
};

/// The head of one parity pack: a stripe, and which row of it this is.
struct StripeHead {
  Stripe stripe;
  unsigned row = 0;
  Buffer encode() const;
  /// `in` may be longer. The stripe is valid; Unsupported where a newer version wrote it.
  static Result<StripeHead> decode(ByteView in);
};

struct StripeRecord {
  std::vector<Digest> digests;  ///< of the blocks of members_at(block) members
  Buffer parity;

  Buffer encode(const StripeId& stripe, unsigned row, std::uint64_t block) const;
  /// Corrupt where it is not what was written for this place. `id` is the stripe's.
  static Result<StripeRecord> decode(const Stripe& stripe, const StripeId& id, unsigned row, std::uint64_t block, ByteView in);
};

/// The name of a parity pack within its folder: the stripe, then the row in two digits.
struct StripeObject {
  StripeId stripe;
  unsigned row = 0;
  std::string text() const;
  static std::optional<StripeObject> parse(std::string_view name);
  auto operator<=>(const StripeObject&) const = default;
};

/// The object `parity/01`: that packs of this vault are gathered into stripes, and where these lie. The same object in that
/// place says whose they are. Its absence says that there are none.
struct StripesChoice {
  static constexpr std::size_t kPlaceBytesMax = 4096;
  VaultId vault;
  unsigned data = kStripeData, parity = kStripeParity;
  std::string place;  ///< an absolute path; empty: the vault itself

  bool valid() const;
  Buffer encode() const;
  static Result<StripesChoice> decode(ByteView in);
  bool operator==(const StripesChoice&) const = default;
};

}  // namespace hf
