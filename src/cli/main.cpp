// holdfast: puts the drivers together and hands over to the table of verbs.

#include "cli/program.hpp"

int main(int argc, char** argv) {
  hf::cli::reserve_standard_streams();
  static hf::Progress progress;  // signal handlers refer to it until the very end
  hf::cli::install_stop_signals(progress);
  const auto env = hf::make_real_env();
  const auto terminal = hf::cli::make_real_terminal(progress);
  return hf::cli::run_program(*env, *terminal, progress, hf::cli::all_verbs(), {argv + (argc > 0 ? 1 : 0), argv + argc});
}
