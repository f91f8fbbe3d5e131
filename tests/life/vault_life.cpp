#include "vault_life.hpp"

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

namespace hf::life {
namespace fs = std::filesystem;
namespace {

std::string make_scratch() {
  const char* const wanted = std::getenv("HOLDFAST_TEST_DIR");
  std::string made = (wanted != nullptr ? fs::path(wanted) : fs::temp_directory_path()) / "holdfast-life-XXXXXX";
  if (mkdtemp(made.data()) == nullptr) std::abort();
  return fs::canonical(made);
}

}  // namespace

VaultLife::VaultLife(std::uint64_t seed) : scratch_(make_scratch()), real_(make_real_env()), env_(*real_, seed), random_(seed ^ 0xDA3A6E), tree_(scratch_ + "/home/docs", seed) {
  env_.set_variable("HOME", path("home"));
}

VaultLife::~VaultLife() {
  std::error_code ignored;
  fs::remove_all(scratch_, ignored);
}

void VaultLife::configure(const std::string& keys) {
  const std::string folder = path("home/.config/holdfast");
  fs::create_directories(folder);
  std::ofstream(folder + "/holdfast.toml") << "vault = \"" << path("vault") << "\"\nkey-file = \"" << path("key") << "\"\njobs = 1\n[policy]\ntime-zone = \"Europe/Berlin\"\n"
                                           << "[source.docs]\npaths = [\"~/docs\"]\nschedule = \"12:00\"\n" << keys;
}

int VaultLife::run(const std::vector<std::string>& typed) {
  terminal_.data.clear();
  terminal_.messages.clear();
  const std::clock_t begin = std::clock();
  const int status = cli::run_program(env_, terminal_, progress_, cli::all_verbs(), typed);
  cpu_seconds_[typed.at(0)] += static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  return status;
}

Json VaultLife::ask(std::vector<std::string> typed, int status) {
  typed.emplace_back("--json");
  std::string line = "holdfast";
  for (const std::string& word : typed) line += " " + word;
  EXPECT_EQ(run(typed), status) << line << "\n" << said();
  Json answer = Json::parse(terminal_.data, nullptr, false);
  EXPECT_FALSE(answer.is_discarded()) << line << "\n" << said();
  return answer;
}

void VaultLife::noon_of(int day) { env_.set_wall(day * kDay + kDay / 2); }

std::string VaultLife::back_up(int day) {
  tree_.a_day(env_.wall_ns());
  const Json answer = ask({"backup", path("home/docs")});
  const std::string point = answer.value("point", "");
  saved_[point] = {day, describe(path("home/docs"))};
  return point;
}

std::map<std::string, int> VaultLife::points() {
  std::map<std::string, int> out;
  for (const Json& p : ask({"points"})) {
    const std::string id = p.value("id", "");
    EXPECT_TRUE(saved_.contains(id)) << "a point that no backup made: " << id;
    out[id] = saved_[id].day;
  }
  return out;
}

std::string VaultLife::restore_all() {
  for (const auto& [point, day] : points()) {
    const std::string to = path("restored");
    if (run({"restore", point, "--to", to}) != 0) return "the point of day " + std::to_string(day) + " can't be restored: " + said();
    const std::string wrong = difference(saved_.at(point).tree, describe(to));
    if (!wrong.empty()) return "the point of day " + std::to_string(day) + " holds something else:\n" + wrong;
    fs::remove_all(to);
  }
  return "";
}

std::size_t VaultLife::damage_half_of_the_packs() {
  // Two blocks of any pack heal (docs/explanation/parity.md), and no block is smaller than a sector: a sector that is
  // lost, and another one with a few bits flipped.
  constexpr std::size_t kSector = 4096;
  std::vector<std::string> packs;
  for (const fs::directory_entry& e : fs::recursive_directory_iterator(path("vault/packs")))
    if (e.is_regular_file()) packs.push_back(e.path());
  std::sort(packs.begin(), packs.end());
  std::shuffle(packs.begin(), packs.end(), random_);
  packs.resize((packs.size() + 1) / 2);
  for (const std::string& pack : packs) {
    const std::size_t bytes = fs::file_size(pack), sectors = (bytes + kSector - 1) / kSector;
    std::fstream file(pack, std::ios::binary | std::ios::in | std::ios::out);
    const std::size_t lost = random_() % sectors * kSector, hit = random_() % sectors * kSector;
    const std::string zeros(std::min(kSector, bytes - lost), 0);
    file.seekp(static_cast<std::streamoff>(lost));
    file.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
    for (int flips = 0; flips < 3; ++flips) {
      const auto at = static_cast<std::streamoff>(hit + random_() % std::min(kSector, bytes - hit));
      file.seekg(at);
      const char byte = static_cast<char>(file.get() ^ (1 << random_() % 8));
      file.seekp(at);
      file.put(byte);
    }
  }
  return packs.size();
}

}  // namespace hf::life
