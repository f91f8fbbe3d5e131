// How much memory the index takes for each chunk, and how quick it opens and answers: ten million synthetic chunks in a
// vault on the file system of $TMPDIR, in runs as backups leave them, looked up by four million keys of which half are known.
//
//   cmake --preset release -DHF_BENCH=ON && ninja -C build/release index_scale && build/release/bench/index_scale [CHUNKS] [RUNS]

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/units.hpp"
#include "store/local/local_store.hpp"
#include "vault/index.hpp"

namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); }

/// Resident memory of this process in bytes.
std::uint64_t resident() {
  std::uint64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

/// splitmix64 (Steele, Lea, Flood 2014).
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}
/// The key of chunk `n`: as evenly spread as hashes are.
hf::ChunkKey key_of(std::uint64_t n) { return {mixed(2 * n), mixed(2 * n + 1)}; }
hf::ChunkId id_of(const hf::ChunkKey& key) {
  hf::ChunkId id;
  for (int i = 0; i < 8; ++i) {
    id.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(key.high >> (56 - 8 * i));
    id.bytes[static_cast<std::size_t>(8 + i)] = static_cast<std::uint8_t>(key.low >> (56 - 8 * i));
  }
  return id;
}

hf::Status write_runs(const hf::Vault& vault, std::uint64_t chunks, std::uint64_t runs) {
  constexpr std::uint64_t kChunksPerPack = 1500;  // of 64 KiB, compressed into 32 MiB
  for (std::uint64_t r = 0; r < runs; ++r) {
    const std::uint64_t from = chunks * r / runs, to = chunks * (r + 1) / runs;
    std::vector<hf::IndexEntry> entries;
    std::vector<hf::IndexedPack> packs((to - from) / kChunksPerPack + 1);
    for (hf::IndexedPack& p : packs) {
      vault.env().random(p.id.bytes);
      p.stored_bytes = 32u << 20;
    }
    for (std::uint64_t n = from; n < to; ++n) {
      const auto pack = static_cast<std::uint32_t>((n - from) / kChunksPerPack);
      ++packs[pack].chunk_count;
      entries.push_back({key_of(n), pack, static_cast<std::uint32_t>(n % 1000), 20'000, static_cast<std::uint16_t>(n % 32)});
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    std::size_t at = 0;
    HF_TRY(hf::write_index_run(vault, packs, entries.size(), [&]() -> hf::Result<std::optional<hf::IndexEntry>> { return at < entries.size() ? std::optional(entries[at++]) : std::nullopt; }));
  }
  return {};
}

hf::Status measure(const hf::Vault& vault, std::uint64_t chunks) {
  malloc_trim(0);  // what writing took is not to serve again unseen
  const std::uint64_t before = resident();
  auto begin = std::chrono::steady_clock::now();
  const auto index = HF_TRY(hf::Index::load(vault));
  fmt::print("open        {:8.3f} s, {} resident ({:.3f} bytes a chunk)\n", seconds_since(begin), hf::human_bytes(index->resident_bytes()),
             static_cast<double>(index->resident_bytes()) / static_cast<double>(chunks));
  constexpr std::uint64_t kLookups = 2'000'000;
  const auto look = [&](const char* what, std::uint64_t first, std::uint64_t range, bool known) -> hf::Status {
    begin = std::chrono::steady_clock::now();
    std::uint64_t found = 0;
    for (std::uint64_t i = 0; i < kLookups; ++i) found += HF_TRY(index->find(id_of(key_of(first + mixed(i) % range)))) ? 1U : 0U;
    const double s = seconds_since(begin);
    fmt::print("{} {:8.3f} s, {:.2f} µs each\n", what, s, s * 1e6 / static_cast<double>(kLookups));
    if (found != (known ? kLookups : 0)) return hf::Error(hf::Code::internal, fmt::format("{} of {} found", found, kLookups));
    return {};
  };
  HF_TRY(look("new keys   ", chunks, 1ull << 40, false));
  HF_TRY(look("known keys ", 0, chunks, true));
  fmt::print("afterwards  {} resident by its own count: {:.2f} bytes a chunk; the process grew by {}: {:.2f} bytes a chunk, page cache of the index included\n",
             hf::human_bytes(index->resident_bytes()), static_cast<double>(index->resident_bytes()) / static_cast<double>(chunks), hf::human_bytes(resident() - before),
             static_cast<double>(resident() - before) / static_cast<double>(chunks));
  return {};
}

hf::Status run(std::uint64_t chunks, std::uint64_t runs, const std::string& directory) {
  const auto env = hf::make_real_env();
  hf::InitOptions options;
  options.argon2 = {.memory_kib = 8, .passes = 1, .lanes = 1};
  const auto vault = HF_TRY(hf::Vault::create(*env, HF_TRY(hf::create_local_store(*env, directory)), options, {hf::SlotKind::passphrase, hf::as_bytes("synthetic")}));
  const auto begin = std::chrono::steady_clock::now();
  HF_TRY(write_runs(*vault, chunks, runs));
  fmt::print("{} chunks in {} runs, written in {:.1f} s\n", hf::human_count(chunks), runs, seconds_since(begin));
  return measure(*vault, chunks);
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t chunks = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000, runs = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 20;
  std::string directory = (std::filesystem::temp_directory_path() / "holdfast-index-XXXXXX").string();
  if (chunks == 0 || runs == 0 || mkdtemp(directory.data()) == nullptr) return 1;
  const auto done = run(chunks, runs, directory + "/vault");
  std::filesystem::remove_all(directory);
  if (!done) fmt::print(stderr, "error: {}\n", done.error().message);
  return done ? 0 : 1;
}
