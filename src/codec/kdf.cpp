#include "codec/kdf.hpp"

#include <argon2.h>
#include <sys/mman.h>

#include <cstdlib>
#include <latch>
#include <system_error>
#include <thread>
#include <vector>

namespace hf {
namespace {

// Argon2 touches each page of its memory once before it computes anything: with pages of 2 MiB the kernel has 32 of them to
// hand out for 64 MiB and not 16,384, which takes longer than the derivation itself.
constexpr std::size_t kHugePage = 2u << 20;

int allocate(std::uint8_t** memory, std::size_t bytes) {
  const std::size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  const bool is_large = bytes >= kHugePage;
  *memory = static_cast<std::uint8_t*>(is_large ? std::aligned_alloc(kHugePage, whole) : std::malloc(bytes));
  if (*memory == nullptr) return ARGON2_MEMORY_ALLOCATION_ERROR;
  if (is_large) static_cast<void>(::madvise(*memory, whole, MADV_HUGEPAGE));  // a wish: without it all is only slower
  return ARGON2_OK;
}

/// Are so many threads to be had at once? The library does not wait for those that it has started where one more can't be, so
/// that must not happen.
bool can_start(unsigned threads) {
  if (threads == 1) return true;
  std::latch all(threads);
  std::vector<std::jthread> started;
  try {
    for (unsigned i = 0; i < threads; ++i) started.emplace_back([&] { all.arrive_and_wait(); });
    return true;
  } catch (const std::system_error&) {
    all.count_down(threads - static_cast<std::ptrdiff_t>(started.size()));
    return false;
  }
}

void release(std::uint8_t* memory, std::size_t /*bytes*/) { std::free(memory); }

}  // namespace

Result<Digest> argon2id(ByteView secret, ByteView salt, const Argon2Params& p) {
  if (!p.acceptable()) return Error(Code::corrupt, "a key slot asks for an unreasonable amount of memory or time");
  Digest out{};
  // The library only reads what is not `out`: it clears password and secret only where flags ask for that.
  argon2_context context{};
  context.out = out.data();
  context.outlen = static_cast<std::uint32_t>(out.size());
  context.pwd = const_cast<std::uint8_t*>(secret.data());
  context.pwdlen = static_cast<std::uint32_t>(secret.size());
  context.salt = const_cast<std::uint8_t*>(salt.data());
  context.saltlen = static_cast<std::uint32_t>(salt.size());
  context.t_cost = p.passes;
  context.m_cost = p.memory_kib;
  context.lanes = p.lanes;
  context.threads = can_start(p.lanes) ? p.lanes : 1;  // with the same outcome
  context.version = ARGON2_VERSION_13;
  context.allocate_cbk = allocate;
  context.free_cbk = release;
  context.flags = ARGON2_DEFAULT_FLAGS;
  const int status = argon2_ctx(&context, Argon2_id);
  if (status != ARGON2_OK) return Error(Code::io, std::string("deriving a key failed: ") + argon2_error_message(status));
  return out;
}

}  // namespace hf
