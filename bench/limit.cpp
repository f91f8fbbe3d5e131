// What this machine could do at best on a tree: the work that no backup can avoid, with nothing around it.
//
// Every stage adds one kind of work to the stage before: read, SHA-256, zstd, AES-256-GCM, write. Data is taken in pieces of
// 1 MiB that run on across small files, all cores share the files, holes are skipped and hard links are read once.
// There is no deduplication, no index and no metadata: a figure to measure an engine against, not a backup. An engine can
// pass it where it need not compress (data it knows already, or sees to be incompressible).
//
// Build: c++ -O2 -std=c++20 limit.cpp -o limit -lcrypto -lzstd -pthread
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr const char* kHelp =
    R"(Usage: limit DIR [--threads N] [--level L] [--out DIR] [--last] [--json]

Reads, hashes, compresses, seals and writes the files under DIR, as fast as this machine can, and says how long each took.

--threads N   worker threads (default: one per core)
--level L     zstd level (default 3)
--out DIR     where to write; nothing stays there (default /dev/shm)
--last        only the walk and the last stage, which does all of the work
--json        the figures as JSON
)";

constexpr size_t kPieceBytes = 1 << 20;   // what is hashed, compressed and sealed at once
constexpr off_t kExtentBytes = 16 << 20;  // large files are shared out in extents, so that all cores work on one

enum Stage { kRead = 1, kHash, kCompress, kSeal, kWrite };
constexpr const char* kStageNames[] = {"walk", "read", "hash", "compress", "seal", "write"};
constexpr const char* kStageWords[] = {"walk (one thread)", "read", "+ SHA-256", "+ zstd", "+ AES-256-GCM", "+ write"};

struct Options {
  std::string dir, out = "/dev/shm";
  int threads = std::max(1, int(std::thread::hardware_concurrency())), level = 3;
  bool last = false, json = false;
};

struct Extent {
  const std::string* path;
  off_t begin, end;
};

struct Tree {
  std::vector<std::string> paths;
  std::vector<Extent> extents;
  uint64_t bytes = 0;
};

struct Timing {
  Stage stage;
  double seconds;
  uint64_t stored;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "error: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Tree walk(const std::string& dir) {
  Tree tree;
  std::vector<off_t> sizes;
  std::set<std::pair<dev_t, ino_t>> linked;
  for (const auto& entry : fs::recursive_directory_iterator(dir, fs::directory_options::skip_permission_denied)) {
    struct stat st;
    if (lstat(entry.path().c_str(), &st) != 0 || !S_ISREG(st.st_mode)) continue;
    if (st.st_nlink > 1 && !linked.emplace(st.st_dev, st.st_ino).second) continue;
    tree.paths.push_back(entry.path());
    sizes.push_back(st.st_size);
    tree.bytes += uint64_t(st.st_size);
  }
  for (size_t i = 0; i < tree.paths.size(); ++i)
    for (off_t at = 0; at < sizes[i]; at += kExtentBytes)
      tree.extents.push_back({&tree.paths[i], at, std::min(at + kExtentBytes, sizes[i])});
  return tree;
}

/// One thread's buffers and its output file, which has no name and vanishes with it.
class Worker {
 public:
  Worker(const Options& options, Stage upto) : level_(options.level), upto_(upto) {
    if (upto_ < kWrite) return;
    out_ = open(options.out.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (out_ < 0) fail(options.out);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    ZSTD_freeCCtx(zstd_);
    EVP_CIPHER_CTX_free(cipher_);
    if (out_ >= 0) close(out_);
  }

  void take(const Extent& extent) {
    const int file = open(extent.path->c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) return;
    for (off_t at = extent.begin; at < extent.end;) {
      if (extent.end - extent.begin == kExtentBytes) {  // worth asking for holes only in large files
        at = lseek(file, at, SEEK_DATA);
        if (at < 0 || at >= extent.end) break;
        const off_t hole = std::min(lseek(file, at, SEEK_HOLE), extent.end);
        at = read(file, at, hole);
      } else {
        at = read(file, at, extent.end);
      }
      if (at < 0) break;
    }
    close(file);
  }

  /// Ends the run: works on what is left in the buffer, and returns the bytes stored.
  uint64_t finish() {
    flush();
    return stored_;
  }

 private:
  off_t read(int file, off_t at, off_t end) {
    while (at < end) {
      const ssize_t n = pread(file, in_.data() + used_, std::min(kPieceBytes - used_, size_t(end - at)), at);
      if (n <= 0) return -1;
      at += n;
      used_ += size_t(n);
      if (used_ == kPieceBytes) flush();
    }
    return at;
  }

  void flush() {
    if (used_ == 0) return;
    const unsigned char* data = in_.data();
    size_t size = used_;
    if (upto_ >= kHash) {
      unsigned char id[EVP_MAX_MD_SIZE];
      if (EVP_Digest(data, used_, id, nullptr, EVP_sha256(), nullptr) != 1) fail("SHA-256");
    }
    if (upto_ >= kCompress) {
      const size_t packed = ZSTD_compressCCtx(zstd_, packed_.data(), packed_.size(), data, used_, level_);
      if (ZSTD_isError(packed) == 0 && packed < used_) data = packed_.data(), size = packed;
    }
    if (upto_ >= kSeal) {
      const unsigned char key[32] = {1}, nonce[12] = {2};  // the same each time: nothing sealed here is kept
      int n = 0;
      if (EVP_EncryptInit_ex(cipher_, EVP_aes_256_gcm(), nullptr, key, nonce) != 1 ||
          EVP_EncryptUpdate(cipher_, sealed_.data(), &n, data, int(size)) != 1 ||
          EVP_EncryptFinal_ex(cipher_, sealed_.data() + n, &n) != 1 ||
          EVP_CIPHER_CTX_ctrl(cipher_, EVP_CTRL_GCM_GET_TAG, 16, sealed_.data() + size) != 1)
        fail("AES-256-GCM");
      data = sealed_.data(), size += 16;
    }
    if (upto_ >= kWrite && pwrite(out_, data, size, off_t(stored_)) != ssize_t(size)) fail("write");
    stored_ += size;
    used_ = 0;
  }

  const int level_;
  const Stage upto_;
  std::vector<unsigned char> in_ = std::vector<unsigned char>(kPieceBytes);
  std::vector<unsigned char> packed_ = std::vector<unsigned char>(ZSTD_compressBound(kPieceBytes));
  std::vector<unsigned char> sealed_ = std::vector<unsigned char>(ZSTD_compressBound(kPieceBytes) + 16);
  ZSTD_CCtx* zstd_ = ZSTD_createCCtx();
  EVP_CIPHER_CTX* cipher_ = EVP_CIPHER_CTX_new();
  int out_ = -1;
  size_t used_ = 0;
  uint64_t stored_ = 0;
};

Timing measure(const Tree& tree, const Options& options, Stage upto) {
  std::atomic<size_t> next{0};
  std::atomic<uint64_t> stored{0};
  double seconds = 0;
  {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::jthread> pool;
    for (int i = 0; i < options.threads; ++i)
      pool.emplace_back([&] {
        Worker worker(options, upto);
        for (size_t at; (at = next.fetch_add(1)) < tree.extents.size();) worker.take(tree.extents[at]);
        stored += worker.finish();
      });
    for (auto& thread : pool) thread.join();
    seconds = since(start);
  }
  return {upto, seconds, stored};
}

int number(std::string_view text, int min, int max) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < min || value > max) {
    std::fprintf(stderr, "error: '%.*s' is not a number from %d to %d\n", int(text.size()), text.data(), min, max);
    std::exit(2);
  }
  return value;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help" || word == "-h")
      std::fputs(kHelp, stdout), std::exit(0);
    else if (word == "--last")
      options.last = true;
    else if (word == "--json")
      options.json = true;
    else if (word == "--threads" && i + 1 < argc)
      options.threads = number(argv[++i], 1, 1024);
    else if (word == "--level" && i + 1 < argc)
      options.level = number(argv[++i], 1, ZSTD_maxCLevel());
    else if (word == "--out" && i + 1 < argc)
      options.out = argv[++i];
    else if (options.dir.empty() && !word.starts_with("--"))
      options.dir = word;
    else
      std::fputs(kHelp, stderr), std::exit(2);
  }
  if (options.dir.empty()) std::fputs(kHelp, stderr), std::exit(2);
  if (!fs::is_directory(options.dir)) std::fprintf(stderr, "error: %s is not a directory\n", options.dir.c_str()), std::exit(2);
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const auto start = std::chrono::steady_clock::now();
  const Tree tree = walk(options.dir);
  const double walked = since(start), mb = double(tree.bytes) / 1e6;

  if (!options.json)
    std::printf("%zu files, %.0f MB, %d threads, zstd %d\n%-18s %8.3f s\n", tree.paths.size(), mb, options.threads, options.level,
                kStageWords[0], walked);
  else
    std::printf("{\"files\": %zu, \"bytes\": %llu, \"threads\": %d, \"level\": %d, \"walk\": %.4f", tree.paths.size(),
                static_cast<unsigned long long>(tree.bytes), options.threads, options.level, walked);

  Timing timing{};
  for (int stage = options.last ? kWrite : kRead; stage <= kWrite; ++stage) {
    timing = measure(tree, options, Stage(stage));
    if (options.json)
      std::printf(", \"%s\": %.4f", kStageNames[stage], timing.seconds);
    else
      std::printf("%-18s %8.3f s %8.0f MB/s%s\n", kStageWords[stage], timing.seconds, mb / timing.seconds,
                  stage < kCompress ? "" : ("  stored " + std::to_string(timing.stored / 1000000) + " MB").c_str());
    std::fflush(stdout);
  }
  if (options.json) std::printf(", \"stored\": %llu}\n", static_cast<unsigned long long>(timing.stored));
}
