#include "vault/local_cache.hpp"

#include <fcntl.h>

namespace hf {
namespace {

constexpr std::uint64_t kFileBytesMax = kSmallObjectPlainMax + FrameHeader::kBytes + Aead::kTagBytes;

std::string_view name_of(CacheKind kind) { return kind == CacheKind::points ? "points" : kind == CacheKind::needs ? "needs" : "prune"; }
std::string directory_of(const Vault& vault) { return vault.cache_directory() + "/" + vault.id().hex(); }

Status replace_file(Env& env, const std::string& path, ByteView content) {
  Buffer random(8);
  env.random(random);
  const std::string temporary = path.substr(0, path.rfind('/') + 1) + Env::kTemporaryPrefix + to_hex(random);
  const auto write = [&]() -> Status {
    const Fd file = HF_TRY(env.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW));
    HF_TRY(env.write_all(file.get(), content));
    const int status = env.sys_renameat(Env::kCwd, temporary.c_str(), Env::kCwd, path.c_str(), false);
    return status < 0 ? Status(Error::from_errno(-status, "replacing " + path)) : Status();
  };
  const Status done = write();
  if (!done) env.sys_unlinkat(Env::kCwd, temporary.c_str(), false);
  return done;
}

}  // namespace

std::optional<Buffer> read_cache(const Vault& vault, CacheKind kind) {
  if (vault.cache_directory().empty()) return std::nullopt;
  const auto raw = vault.env().read_file(directory_of(vault) + "/" + std::string(name_of(kind)), kFileBytesMax);
  if (!raw) return std::nullopt;
  auto plain = vault.open_sealed(SealedKind::cache, *raw);
  if (!plain || plain->empty() || plain->front() != static_cast<std::uint8_t>(kind)) return std::nullopt;
  plain->erase(plain->begin());
  return std::move(*plain);
}

void write_cache(const Vault& vault, CacheKind kind, ByteView plain) {
  if (vault.cache_directory().empty() || plain.size() >= kSmallObjectPlainMax) return;
  const std::string directory = directory_of(vault);
  Buffer content{static_cast<std::uint8_t>(kind)};
  append(content, plain);
  if (vault.env().make_directories(directory)) static_cast<void>(replace_file(vault.env(), directory + "/" + std::string(name_of(kind)), vault.seal(SealedKind::cache, content)));
}

}  // namespace hf
