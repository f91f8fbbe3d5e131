#include "vault/run_builder.hpp"

#include <algorithm>

#include "vault/index.hpp"

namespace hf {

void RunBuilder::add(const FinishedPack& pack) {
  for (IndexEntry e : pack.entries) {
    e.pack = static_cast<std::uint32_t>(packs_.size());
    entries_.push_back(e);
  }
  packs_.push_back(pack.pack);
}

Result<std::string> RunBuilder::write(const Vault& vault) {
  std::sort(entries_.begin(), entries_.end(), [](const IndexEntry& a, const IndexEntry& b) { return a.key < b.key; });
  std::size_t at = 0;
  return write_index_run(vault, packs_, entries_.size(), [&]() -> Result<std::optional<IndexEntry>> { return at < entries_.size() ? std::optional(entries_[at++]) : std::nullopt; });
}

void RunBuilder::clear() {
  packs_.clear();
  entries_.clear();
}

bool RunBuilders::is_full() const {
  return std::any_of(of_.begin(), of_.end(), [](const auto& of) { return of.second.is_full(); });
}

Result<std::vector<std::string>> RunBuilders::write() {
  std::vector<std::string> names;
  for (auto& [writer, run] : of_)
    if (!run.empty()) names.push_back(HF_TRY(run.write(*vault_.writing_as(writer))));
  of_.clear();
  return names;
}

}  // namespace hf
