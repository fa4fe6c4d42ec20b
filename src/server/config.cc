#include "server/config.h"

#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "server/config_keys.h"

namespace penstock::server {

namespace {

constexpr std::string_view kEnvironmentPrefix = "PENSTOCK_";

// What was set, and what is wrong with it. All mistakes are reported together.
struct Findings {
  std::vector<Setting> settings;  // later ones win
  std::vector<std::string> mistakes;
};

std::string unknown_key(std::string_view origin, std::string_view name) {
  return fmt::format("{}: unknown key '{}'; did you mean '{}'?", origin, name,
                     nearest_config_key(name).name);
}

std::optional<std::string> scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  if (const auto* share = node.as_floating_point()) return fmt::format("{}", share->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  return std::nullopt;
}

void read_section(const std::string& path, const std::string& section, const toml::table& table,
                  Findings& findings) {
  for (const auto& [key, node] : table) {
    const std::string name = fmt::format("{}.{}", section, key.str());
    const std::string origin = fmt::format("{}:{}", path, key.source().begin.line);
    const std::optional<std::string> value = scalar_text(node);
    if (find_config_key(name) == nullptr) {
      findings.mistakes.push_back(unknown_key(origin, name));
    } else if (!value) {
      findings.mistakes.push_back(
          fmt::format("{}: {} must be a string, a number, true or false", origin, name));
    } else {
      findings.settings.push_back({.key = name, .value = *value, .origin = origin});
    }
  }
}

void read_document(const std::string& path, const toml::table& document, Findings& findings) {
  for (const auto& [key, node] : document) {
    if (const auto* section = node.as_table()) {
      read_section(path, std::string(key.str()), *section, findings);
    } else {
      const std::string origin = fmt::format("{}:{}", path, key.source().begin.line);
      findings.mistakes.push_back(unknown_key(origin, key.str()));
    }
  }
}

Result<std::string> read_text(const std::string& path) {
  std::error_code unknown;  // then opening it says what is wrong
  if (std::filesystem::is_directory(path, unknown))
    return fail(ErrorCode::kInvalidArgument, "{} is a directory; name a configuration file", path);
  std::ifstream file(path);
  if (!file)
    return Unexpected(Error::from_errno(errno, fmt::format("open the configuration file {}", path)));
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) return fail(ErrorCode::kIo, "read the configuration file {}", path);
  return text.str();
}

Result<void> read_file(const std::string& path, Findings& findings) {
  const Result<std::string> text = read_text(path);
  if (!text) return Unexpected(text.error());
  try {
    read_document(path, toml::parse(*text, path), findings);
  } catch (const toml::parse_error& error) {
    findings.mistakes.push_back(
        fmt::format("{}:{}: {}", path, error.source().begin.line, error.description()));
  }
  return {};
}

// Whether a variable is meant for this table: other programs of the project have PENSTOCK_ variables
// too.
bool names_a_section(std::string_view variable) {
  return std::ranges::any_of(config_keys(), [variable](const ConfigKey& key) {
    const std::string name = key.environment_name();
    return variable.starts_with(
        std::string_view(name).substr(0, kEnvironmentPrefix.size() + key.section().size() + 1));
  });
}

// "PENSTOCK_SERVER_LISTEN" as "server.listen".
std::string key_of(std::string_view variable) {
  std::string name;
  for (const char c : variable.substr(kEnvironmentPrefix.size())) {
    name.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  if (const std::size_t end = name.find('_'); end != std::string::npos) name[end] = '.';
  return name;
}

void read_environment(const std::vector<std::string>& environment, Findings& findings) {
  for (const std::string& entry : environment) {
    const std::string_view variable = std::string_view(entry).substr(0, entry.find('='));
    if (!variable.starts_with(kEnvironmentPrefix) || variable.size() == entry.size()) continue;
    const auto named = [variable](const ConfigKey& key) { return key.environment_name() == variable; };
    const auto key = std::ranges::find_if(config_keys(), named);
    if (key != config_keys().end()) {
      findings.settings.push_back({.key = std::string(key->name),
                                   .value = entry.substr(variable.size() + 1),
                                   .origin = std::string(variable)});
    } else if (names_a_section(variable)) {
      const ConfigKey& nearest = nearest_config_key(key_of(variable));
      findings.mistakes.push_back(fmt::format("environment: unknown variable {}; did you mean {}?",
                                              variable, nearest.environment_name()));
    }
  }
}

void read_flags(const std::vector<Setting>& flags, Findings& findings) {
  for (const Setting& flag : flags) {
    if (find_config_key(flag.key) == nullptr) {
      findings.mistakes.push_back(unknown_key(flag.origin, flag.key));
    } else {
      findings.settings.push_back(flag);
    }
  }
}

// The origin of the value that won; "default" when nobody set it.
std::string origin_of(const Findings& findings, std::string_view key) {
  const auto setting =
      std::ranges::find(findings.settings.rbegin(), findings.settings.rend(), key, &Setting::key);
  return setting == findings.settings.rend() ? "default" : setting->origin;
}

void check_together(const Config& config, Findings& findings) {
  const auto at_most = [&](std::string_view small, std::uint64_t small_value, std::string_view large,
                           std::uint64_t large_value) {
    if (small_value <= large_value) return;
    findings.mistakes.push_back(
        fmt::format("{} ({}) must be at most {} ({}): it is {}, and {} is {}", small,
                    origin_of(findings, small), large, origin_of(findings, large),
                    find_config_key(small)->get(config), large, find_config_key(large)->get(config)));
  };
  const std::uint64_t cache_bytes = config.catch_up.cache_bytes;
  if (cache_bytes > 0 && cache_bytes < log::SegmentCache::kSmallestBytes) {
    findings.mistakes.push_back(
        fmt::format("storage.block_cache_bytes ({}) is {}: it must be 0 or at least {}",
                    origin_of(findings, "storage.block_cache_bytes"), cache_bytes,
                    log::SegmentCache::kSmallestBytes));
  }
  at_most("pool.smallest_bytes", config.pool.smallest_bytes, "storage.segment_bytes",
          config.broker.partition.segment_bytes);
  at_most("broker.max_message_bytes", static_cast<std::uint64_t>(config.broker.max_message_bytes),
          "server.max_request_bytes", config.max_request_bytes);
  at_most("groups.min_session_timeout",
          static_cast<std::uint64_t>(config.broker.groups.min_session_timeout.count()),
          "groups.max_session_timeout",
          static_cast<std::uint64_t>(config.broker.groups.max_session_timeout.count()));
  at_most("groups.consumer_heartbeat_interval",
          static_cast<std::uint64_t>(config.broker.groups.consumer_heartbeat_interval.count()),
          "groups.consumer_session_timeout",
          static_cast<std::uint64_t>(config.broker.groups.consumer_session_timeout.count()));
  at_most("storage.commit_bytes", config.broker.partition.commit_bytes, "storage.pending_bytes",
          config.broker.partition.pending_bytes);
}

}  // namespace

std::vector<std::string> process_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  return variables;
}

Result<Config> load(const ConfigSources& sources) {
  Findings findings;
  if (sources.file) {
    if (const Result<void> read = read_file(*sources.file, findings); !read)
      return Unexpected(read.error());
  }
  read_environment(sources.environment, findings);
  read_flags(sources.flags, findings);

  Config config;
  for (const Setting& setting : findings.settings) {
    const Result<void> set = find_config_key(setting.key)->set(config, setting.value);
    if (!set) {
      findings.mistakes.push_back(
          fmt::format("{}: {}: {}", setting.origin, setting.key, set.error().message()));
    }
  }
  if (findings.mistakes.empty()) check_together(config, findings);
  if (findings.mistakes.empty()) return config;
  return fail(ErrorCode::kInvalidArgument, "{}", fmt::join(findings.mistakes, "\n"));
}

std::string show(const Config& config) {
  std::string text;
  std::string_view section;
  for (const ConfigKey& key : config_keys()) {
    if (key.section() != section) {
      section = key.section();
      text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", section);
    }
    const std::string value = key.get(config);
    if (key.quoted) {
      text += fmt::format("{} = {:?}\n", key.key(), value);
    } else {
      text += fmt::format("{} = {}\n", key.key(), value);
    }
  }
  return text;
}

std::string config_reference() {
  const Config defaults;
  std::string text;
  std::string_view section;
  for (const ConfigKey& key : config_keys()) {
    if (key.section() != section) {
      section = key.section();
      text += fmt::format("{}## [{}]\n", text.empty() ? "" : "\n", section);
    }
    const std::string value = key.get(defaults);
    text += fmt::format("\n### {}\n\n{}\n\n", key.name, key.help);
    text += fmt::format("- Type: {}\n- Default: {}\n- Environment: `{}`\n", key.type,
                        value.empty() ? "empty" : fmt::format("`{}`", value), key.environment_name());
    if (key.flag.empty()) {
      text += fmt::format("- Flag: `--set {}=VALUE`\n", key.name);
    } else {
      text += fmt::format("- Flag: `{} VALUE`\n", key.flag);
    }
  }
  return text;
}

}  // namespace penstock::server
