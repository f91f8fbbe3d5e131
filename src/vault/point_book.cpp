#include "vault/point_book.hpp"

#include <atomic>
#include <optional>
#include <set>
#include <thread>

#include "vault/local_cache.hpp"

namespace hf {

Result<RecoveryPoint> read_point(const Vault& vault, const std::string& name, const KnownPoints* known, Digest* digest) {
  const auto doing = [&] { return "reading recovery point " + name.substr(0, 8); };
  const Buffer raw = HF_TRY(vault.store().get({ObjectKind::point, name}, kPointBytesMax).context(doing));
  if (peek_object(raw, SealedKind::tombstone)) return Error(Code::not_found, "there is no recovery point " + name.substr(0, 8) + ": its backup was taken for dead, and fenced");
  if (const auto frame = peek_object(raw, SealedKind::point); frame && !vault.keys().may_open(*frame))
    return Error(Code::not_found, "recovery point " + name.substr(0, 8) + " was not made with this write-only key, which opens only its own", "use a key that opens all of the vault");
  bool looked_at = false;
  if (known != nullptr) {
    *digest = sha256(raw);
    const auto id = PointId::parse(name);
    const auto at = id ? known->find(*id) : known->end();
    looked_at = at != known->end() && at->second == *digest;
  }
  RecoveryPoint p = HF_TRY(vault.open_point(raw, looked_at).context(doing));
  // An old point copied over a newer name must not pass for it.
  if (p.id.hex() != name || p.vault != vault.id()) return Error(Code::corrupt, "recovery point " + name.substr(0, 8) + " holds another point than its name says");
  return p;
}

void PointBook::read(const std::vector<std::string>& names) {
  constexpr std::size_t kWorthRemembering = 32;  // fewer signatures are checked as quickly as a cache is read
  const bool many = names.size() >= kWorthRemembering;
  KnownPoints known;
  if (many)
    if (const auto cached = read_cache(vault_, CacheKind::points))
      if (auto decoded = decode_known_points(*cached)) known = std::move(*decoded);
  struct Read {
    std::optional<Result<RecoveryPoint>> point;
    Digest digest{};
  };
  std::vector<Read> all(names.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i; (i = next.fetch_add(1)) < names.size();) all[i].point.emplace(read_point(vault_, names[i], many ? &known : nullptr, &all[i].digest));
  };
  {
    constexpr std::size_t kPointsAThread = 200;  // a point takes about 0.1 ms, most of it to check the signature
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < std::min<std::size_t>(vault_.env().cpu_count(), names.size() / kPointsAThread); ++i) threads.emplace_back(work);
    work();
  }
  KnownPoints seen;
  std::size_t fresh = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto& p = *all[i].point;
    if (p) {
      if (const auto at = known.find(p->id); at == known.end() || at->second != all[i].digest) ++fresh;
      seen.emplace(p->id, all[i].digest);
      points_.emplace(names[i], std::move(*p));
    } else if (p.error().code != Code::not_found) {  // a fence, gone since the listing, or of others
      damaged_.push_back({names[i], std::move(p.error())});
    }
  }
  if (many && fresh >= kWorthRemembering) write_cache(vault_, CacheKind::points, encode_known_points(seen));
}

Status PointBook::refresh() {
  std::set<std::string> names;
  HF_TRY(vault_.store().list(ObjectKind::point, [&](std::string_view name, std::uint64_t) { names.emplace(name); }));
  std::erase_if(points_, [&](const auto& p) { return !names.contains(p.first); });
  damaged_.clear();
  std::vector<std::string> unread;
  for (const std::string& name : names)
    if (!points_.contains(name)) unread.push_back(name);
  read(unread);
  return {};
}

}  // namespace hf
