#pragma once
// Recovery points: the single commit of a backup (docs/format/point.md).

#include <map>
#include <optional>
#include <vector>

#include "codec/sign.hpp"
#include "format/tree.hpp"

namespace hf {

enum class PointKind : std::uint8_t { full = 1, incremental = 2, differential = 3 };
std::string_view name_of(PointKind kind);

/// An item that a backup could not read.
struct Unreadable {
  std::string path;
  std::string reason;
};

struct RecoveryPoint {
  static constexpr std::size_t kUnreadableListed = 1000;

  PointId id;
  VaultId vault;
  PointKind kind = PointKind::full;
  std::optional<PointId> parent, base_full;
  std::int64_t started_ns = 0, ended_ns = 0;
  std::string host, user, program;
  std::vector<std::string> paths;  ///< as absolute paths: what was backed up
  std::string base_path;           ///< the absolute path that the root stands for
  std::vector<std::string> tags;
  Entry root;                      ///< a directory; its name is "root"
  std::map<std::uint32_t, std::string> users, groups;  ///< names of the numeric owners in the tree
  std::uint64_t files = 0, bytes = 0;                  ///< names in the tree that are no directories; bytes of regular files
  std::uint64_t bytes_read = 0, bytes_new = 0, bytes_stored = 0;  ///< read from the source; new plaintext; sealed
  std::uint64_t unreadable_count = 0;
  std::vector<Unreadable> unreadable;  ///< at most kUnreadableListed of them
  std::uint64_t inconsistent_count = 0;
  /// The independent full point that the points of this source go back to, itself included: it shared no stored chunk with
  /// what was in the vault when it was made. Absent before the first one.
  std::optional<PointId> domain;
  /// When the base full and the domain's first point began: known also when those points are gone. 0: none, or unknown.
  std::int64_t base_full_ns = 0, domain_ns = 0;
  /// The write-only key that made it; zero: a key that opens the vault. Not in the body: who sealed it is who made it.
  WriterId writer{};

  bool independent() const { return domain == id; }
  bool complete() const { return unreadable_count == 0 && inconsistent_count == 0; }
  /// "host:/path": points of one source follow each other.
  std::string source() const;
};

/// The body, then the signature over it and the signer's key; to be sealed as one small object.
Buffer encode_point(const RecoveryPoint& point, const Digest& signing_seed);
/// Corrupt where the signature does not hold.
Result<RecoveryPoint> decode_point(ByteView in, const PublicKey& signer);

/// The same of a body whose signature is known to hold, since the same bytes were looked at before.
Result<RecoveryPoint> decode_point_known(ByteView in);

/// What `verify` read back: one small object a run, until the evidence ledger takes over.
struct Proof {
  std::int64_t time_ns = 0;
  std::vector<PackId> packs;    ///< each opened and every chunk identified
  std::vector<PackId> damaged;  ///< found damaged: the next backup does not rely on them
  std::vector<PackId> healed;   ///< found damaged, and mended from parity: they are among `packs` too
  /// Where every pack of the vault was proven or found damaged by then: the points of which every chunk was read back.
  std::vector<PointId> points;
};
Buffer encode_proof(const Proof& proof);
Result<Proof> decode_proof(ByteView in);

}  // namespace hf
