// The short run of each campaign, and what makes a simulation a proof: it replays exactly.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <string>

#include "sim/campaign.h"

namespace penstock::sim {
namespace {

class EachCampaign : public ::testing::TestWithParam<Campaign*> {};

TEST_P(EachCampaign, FindsNothing) {
  Campaign& campaign = *GetParam();
  const RunOutcome outcome = run_cases(campaign, 1, campaign.test_cases());
  EXPECT_EQ(outcome.failure, "");
  // A simulation that never gets into trouble proves nothing.
  EXPECT_EQ(missing_counts(campaign, outcome.counts), std::vector<std::string>{});
}

TEST_P(EachCampaign, ReplaysExactlyFromItsSeed) {
  Campaign& campaign = *GetParam();
  const std::uint64_t once = run_cases(campaign, 1, 1).trace_hash;
  EXPECT_NE(once, 0U);
  EXPECT_EQ(run_cases(campaign, 1, 1).trace_hash, once);
  EXPECT_NE(run_cases(campaign, 2, 1).trace_hash, once);
}

INSTANTIATE_TEST_SUITE_P(LogSim, EachCampaign, ::testing::ValuesIn(registry()),
                         [](const ::testing::TestParamInfo<Campaign*>& info) {
                           std::string name(info.param->name());
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace penstock::sim
