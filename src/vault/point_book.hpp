#pragma once
// The recovery points of a vault, each read once however often they are asked for.
//
// A point under a name never changes. So a book that is asked again lists the names anew, and reads those that it has not
// seen; the answer is as fresh as the listing. Signatures take most of the time to read a
// point, so those that held are remembered on this machine (vault/local_cache.hpp), each with the hash of the object's bytes:
// the object is still read whole, and opened, each time.

#include <map>

#include "format/known_points.hpp"
#include "vault/vault.hpp"

namespace hf {

/// One point. With `known`, the signature of what is in there is not checked; `digest` gets the object's SHA-256 then.
Result<RecoveryPoint> read_point(const Vault& vault, const std::string& name, const KnownPoints* known, Digest* digest);

/// One thread at a time; reads with several where there are many.
class PointBook {
 public:
  explicit PointBook(const Vault& vault) : vault_(vault) {}
  /// Lists the names anew. What can't be read is told in damaged(), and tried again the next time.
  Status refresh();
  const std::map<std::string, RecoveryPoint>& points() const { return points_; }  ///< by name
  const std::vector<DamagedPoint>& damaged() const { return damaged_; }
  /// Gives the points away; ask no more.
  std::map<std::string, RecoveryPoint> take() { return std::move(points_); }

 private:
  void read(const std::vector<std::string>& names);

  const Vault& vault_;
  std::map<std::string, RecoveryPoint> points_;
  std::vector<DamagedPoint> damaged_;
};

}  // namespace hf
