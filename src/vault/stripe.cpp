#include "vault/stripe.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "codec/erasure.hpp"
#include "vault/parity.hpp"

namespace hf {
namespace {

constexpr std::uint64_t kChoiceBytesMax = 8192;
/// Read of each pack at once: long enough that a disk with heads does not only seek.
constexpr std::uint64_t kSliceBlocks = 16;

ObjectName name_of(const StripeId& stripe, unsigned row) { return {ObjectKind::parity, StripeObject{stripe, row}.text()}; }

/// The head at either end of an object that is called so.
Result<Stripe> read_head(ObjectStore& place, const StripeObject& name) {
  const auto object = HF_TRY(place.open({ObjectKind::parity, name.text()}));
  const auto accept = [&](ByteView bytes) -> Result<Stripe> {
    StripeHead h = HF_TRY(StripeHead::decode(bytes));
    if (h.row != name.row || h.stripe.id() != name.stripe) return Error(Code::corrupt, "it is another stripe than its name says");
    return std::move(h.stripe);
  };
  Buffer front(std::min<std::uint64_t>(object->size(), Stripe::kHeadBytesMax)), back(front.size());
  Result<Stripe> first = Error(Code::corrupt, "it can't be read");
  if (object->read(0, front)) first = accept(front);
  if (first || first.error().code == Code::unsupported || !object->read(object->size() - back.size(), back)) return first;
  // How long the last head is, only the head itself tells.
  for (std::size_t n = 1; n <= Stripe::kMembersMax && Stripe::head_bytes(n) <= back.size(); ++n)
    if (auto last = accept(ByteView(back).last(Stripe::head_bytes(n)))) return last;
  return first;
}

Error of_pack(Error error, const StripeMember& m) { return std::move(error).in_context("reading pack " + m.pack.brief()).with_object("packs/" + m.pack.hex()); }

}  // namespace

// --- the choice ---

Result<std::optional<StripesChoice>> stripes_choice(ObjectStore& store) {
  const auto raw = store.get(stripes_choice_name(), kChoiceBytesMax);
  if (!raw && raw.error().code == Code::not_found) return std::optional<StripesChoice>();
  if (!raw) return raw.error();
  return std::optional(HF_TRY(StripesChoice::decode(*raw)));
}

Status choose_stripes(ObjectStore& store, const std::optional<StripesChoice>& choice) {
  return choice ? write_note(store, stripes_choice_name(), choice->encode()) : store.remove(stripes_choice_name());
}

// --- finding ---

unsigned FoundStripe::rows_missing() const { return static_cast<unsigned>(std::count(rows.begin(), rows.end(), false)); }

Result<StripeList> list_stripes(ObjectStore& place, const std::optional<VaultId>& vault) {
  StripeList list;
  std::map<StripeId, std::vector<std::pair<unsigned, std::uint64_t>>> found;  // rows and their bytes
  HF_TRY(place.list(ObjectKind::parity, [&](std::string_view name, std::uint64_t bytes) {
    if (const auto object = StripeObject::parse(name)) found[object->stripe].emplace_back(object->row, bytes);
  }));
  for (auto& [id, rows] : found) {
    std::sort(rows.begin(), rows.end());
    Result<Stripe> stripe = Error(Code::not_found, "it is gone");
    for (auto row = rows.begin(); row != rows.end() && !stripe; ++row) {
      stripe = read_head(place, {id, row->first});
      if (!stripe && stripe.error().code == Code::unsupported) return std::move(stripe.error()).with_object(name_of(id, row->first).text());
    }
    if (stripe && vault && stripe->vault != *vault) continue;
    for (const auto& [row, bytes] : rows) {
      ++list.objects;
      list.bytes += bytes;
      if (!stripe || row >= stripe->rows) list.unreadable.push_back(StripeObject{id, row}.text());
    }
    if (!stripe) continue;
    FoundStripe& s = list.stripes[id];
    s.rows.resize(stripe->rows);
    for (const auto& [row, bytes] : rows) {
      if (row >= s.rows.size()) continue;
      s.rows[row] = true;
      s.bytes += bytes;
    }
    s.stripe = std::move(*stripe);
  }
  return list;
}

// --- making ---

Result<std::uint64_t> make_stripe(ObjectStore& packs, ObjectStore& place, const Stripe& stripe, const std::vector<bool>& wanted) {
  HF_ASSERT(stripe.valid() && wanted.size() == stripe.rows);
  const StripeId id = stripe.id();
  const std::size_t count = stripe.members.size();
  std::vector<std::unique_ptr<ObjectReader>> readers;
  for (const StripeMember& m : stripe.members) {
    auto reader = packs.open({ObjectKind::pack, m.pack.hex()});
    if (!reader) return of_pack(std::move(reader.error()), m);
    if ((*reader)->size() != m.bytes) return of_pack(Error(Code::corrupt, "it has another size than it had"), m);
    readers.push_back(std::move(*reader));
  }
  struct Row {
    unsigned row;
    std::unique_ptr<Upload> upload;
    Buffer parity;
  };
  std::vector<Row> rows;
  std::uint64_t stored = 0;
  const auto write = [&](Row& r, ByteView bytes) {
    stored += bytes.size();
    return r.upload->append(bytes);
  };
  for (unsigned row = 0; row < stripe.rows; ++row) {
    if (!wanted[row]) continue;
    rows.push_back({row, HF_TRY(place.create(ObjectKind::parity)), {}});
    HF_TRY(write(rows.back(), StripeHead{stripe, row}.encode()));
  }
  std::vector<std::vector<Digest>> digests(count);
  std::vector<Buffer> slices(count);
  std::vector<std::uint8_t> row_numbers;
  for (const Row& r : rows) row_numbers.push_back(static_cast<std::uint8_t>(r.row));
  std::vector<ByteView> views;
  std::vector<std::uint8_t*> to(rows.size());
  StripeRecord record;
  for (std::uint64_t block = 0; block < stripe.blocks(); ++block) {
    const std::size_t here = stripe.members_at(block);
    if (block % kSliceBlocks == 0)
      for (std::size_t i = 0; i < here; ++i) {
        const std::uint64_t at = block * Stripe::kBlockBytes;
        slices[i].resize(std::min(kSliceBlocks * Stripe::kBlockBytes, stripe.members[i].bytes - at));
        if (auto read = readers[i]->read(at, slices[i]); !read) return of_pack(std::move(read.error()), stripe.members[i]);
      }
    views.clear();
    for (std::size_t i = 0; i < here; ++i) views.push_back(ByteView(slices[i]).subspan((block % kSliceBlocks) * Stripe::kBlockBytes, stripe.bytes_of(i, block)));
    record.digests.resize(here);
    sha256_many(views, record.digests);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      rows[r].parity.assign(stripe.parity_bytes(block), 0);
      to[r] = rows[r].parity.data();
    }
    for (std::size_t i = 0; i < here; ++i) {
      digests[i].push_back(record.digests[i]);
      erasure::accumulate(row_numbers, static_cast<unsigned>(i), views[i], to);
    }
    for (Row& r : rows) {
      record.parity.swap(r.parity);
      HF_TRY(write(r, record.encode(id, r.row, block)));
      record.parity.swap(r.parity);
    }
  }
  for (std::size_t i = 0; i < count; ++i)
    if (content_name_of(stripe.members[i].bytes, digests[i]) != stripe.members[i].pack.bytes)
      return of_pack(Error(Code::corrupt, "it is damaged, and parity of damage is of no use", "mend it: holdfast verify --heal"), stripe.members[i]);
  for (Row& r : rows) {
    const ObjectName name = name_of(id, r.row);
    HF_TRY(write(r, StripeHead{stripe, r.row}.encode()));
    const bool there = place.open(name).has_value();
    HF_TRY(there ? r.upload->replace(name) : r.upload->commit(name));
  }
  return stored;
}

Result<std::uint64_t> make_stripe(ObjectStore& packs, ObjectStore& place, const Stripe& stripe) { return make_stripe(packs, place, stripe, std::vector<bool>(stripe.rows, true)); }

// --- reading ---

StripeReader StripeReader::open(ObjectStore& place, const Stripe& stripe) {
  StripeReader s(stripe);
  for (unsigned row = 0; row < stripe.rows; ++row) {
    auto object = place.open(name_of(s.id_, row));
    s.rows_.push_back(object ? std::move(*object) : nullptr);
  }
  return s;
}

Result<StripeRecord> StripeReader::record(unsigned row, std::uint64_t block) const {
  if (!rows_[row]) return Error(Code::not_found, "the parity pack is not there");
  Buffer bytes(stripe_.record_bytes(block));
  if (!rows_[row]->read(stripe_.record_offset(block), bytes)) return Error(Code::corrupt, "a record of the stripe can't be read");
  return StripeRecord::decode(stripe_, id_, row, block, bytes);
}

Status StripeReader::check(unsigned row) const {
  if (!rows_[row]) return Error(Code::not_found, "the parity pack is not there");
  ObjectReader& object = *rows_[row];
  if (object.size() != stripe_.object_bytes()) return Error(Code::corrupt, "it has another size than it should");
  const Buffer head = StripeHead{stripe_, row}.encode();
  Buffer there(head.size());
  for (const std::uint64_t at : {std::uint64_t{0}, stripe_.record_offset(stripe_.blocks())}) {
    HF_TRY(object.read(at, there));
    if (there != head) return Error(Code::corrupt, "one of the two copies of its head is damaged");
  }
  for (std::uint64_t block = 0; block < stripe_.blocks(); ++block) HF_TRY(record(row, block));
  return {};
}

}  // namespace hf
