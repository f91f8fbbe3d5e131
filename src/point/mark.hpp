#pragma once
// What recovery points need: the chunks of their contents and of their trees, and what deltas among them build on.
//
// What a node names and what a pack's deltas stand on is worked out once and kept (format/needs.hpp, on this machine where
// the vault keeps a cache), so that marking reads what came since. Without a cache it reads every node of every tree.

#include "base/progress.hpp"
#include "format/needs.hpp"
#include "vault/bases.hpp"
#include "vault/prune.hpp"

namespace hf {

/// Keeps what it learned as long as it lives: give one to each prune. One thread at a time; reads with `jobs`.
class TreeMarker final : public Marker {
 public:
  explicit TreeMarker(unsigned jobs) : jobs_(jobs) {}
  /// Each distinct node that is not known is read once. Fails at the first that can't be read.
  Status mark(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> points, Scope scope, ClaimSet& live, Progress& progress,
              const ClaimSet* alone = nullptr) override;
  Result<bool> hold_up(const Vault& vault, const Index& index, const std::function<NeedGraph::Standing(const PackId&)>& standing, ClaimSet& live, const ClaimSet* alone = nullptr) override;
  Result<std::vector<FoldGroup>> fold(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> points, const std::function<bool(const PackId&)>& counts) override;
  Result<Turnable> turn(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> newest, const std::function<bool(const PackId&)>& counts,
                                      const MayTurn& may_turn) override;
  Status for_each_content(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> points, const std::function<Status(const ChunkRef&)>& visit) override;
  Result<Footing> footing(const Vault& vault, const Index& index, const std::function<bool(const PackId&)>& counts) override;
  /// Nodes that were read from the vault so far.
  std::uint64_t nodes_read() const { return nodes_read_; }

 private:
  void load(const Vault& vault);
  /// Reads what is below these points and not known.
  Status learn(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> points, Progress& progress);

  Result<KnownDeltas> learn_deltas(const Vault& vault, const Index& index);
  NeedMarks marks_below(std::span<const RecoveryPoint* const> points) const;
  /// What of `chunks` the graph knows.
  NeedMarks marks_of(const ClaimSet& chunks) const;
  /// Adds to `marks` what deltas build on, and what nobody knows whether they do.
  void mark_bases(const KnownDeltas& deltas, NeedMarks& marks, const std::function<NeedGraph::Standing(const PackId&)>& standing, const ClaimSet* alone);

  const unsigned jobs_;
  NeedGraph graph_;
  bool loaded_ = false;
  bool learned_ = false;  // something that the cache does not tell
  std::uint64_t nodes_read_ = 0;
};

}  // namespace hf
