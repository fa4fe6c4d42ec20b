// The table of configuration keys.
//
// A key's values travel as text, whatever they came from: the same parser reads TOML, environment and
// flags, and the same printer writes defaults and `penstock config show`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "server/config.h"

namespace penstock::server {

struct ConfigKey {
  std::string_view name;  // "section.key"
  std::string_view flag;  // a flag of its own, "--listen"; most have none and are set by --set
  std::string type;       // for the reference: "size, 1MiB .. 1GiB"
  bool quoted = true;     // whether TOML writes the value as a string
  std::string_view help;
  // Errors: kInvalidArgument, saying what is allowed.
  Result<void> (*set)(Config& config, std::string_view text);
  std::string (*get)(const Config& config);

  std::string_view section() const { return name.substr(0, name.find('.')); }
  std::string_view key() const { return name.substr(name.find('.') + 1); }
  std::string environment_name() const;  // "PENSTOCK_SERVER_LISTEN"
};

// In the order of the reference: sections together.
std::span<const ConfigKey> config_keys();

// Null when there is none of that name.
const ConfigKey* find_config_key(std::string_view name);

// The key whose name takes the fewest changes of a letter to get to.
const ConfigKey& nearest_config_key(std::string_view name);

}  // namespace penstock::server
