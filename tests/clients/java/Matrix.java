import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.utils.AppInfoParser;

/** What the Java client can do, against the broker named last on the command line: Matrix [STEP...] HOST:PORT */
public final class Matrix {
    private final Clients clients;

    private Matrix(Clients clients) {
        this.clients = clients;
    }

    public static void main(String[] words) {
        Map<String, Clients.Work> steps = new LinkedHashMap<>();
        List<String> wanted = List.of(words).subList(0, words.length - 1);
        List<String> failed = new ArrayList<>();
        System.out.println("kafka-clients " + AppInfoParser.getVersion());
        try (Clients clients = new Clients(words[words.length - 1])) {
            new Matrix(clients).addTo(steps);
            int run = 0;
            for (var step : steps.entrySet()) {
                if (!wanted.isEmpty() && !wanted.contains(step.getKey())) continue;
                ++run;
                Instant began = Instant.now();
                try {
                    step.getValue().run();
                    System.out.printf("ok %s (%d ms)%n", step.getKey(), Duration.between(began, Instant.now()).toMillis());
                } catch (Throwable error) {
                    failed.add(step.getKey());
                    System.out.printf("not ok %s%n", step.getKey());
                    error.printStackTrace(System.out);
                }
            }
            System.out.printf("%d passed, %d failed%n", run - failed.size(), failed.size());
            System.exit(failed.isEmpty() && run > 0 ? 0 : 1);
        }
    }

    private static final String STRATEGY = "partition.assignment.strategy=";
    private static final String NEW_PROTOCOL = "group.protocol=consumer";

    private void addTo(Map<String, Clients.Work> steps) {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            steps.put("messages_sent_with_" + codec + "_come_back_as_they_were_sent", () -> roundTrip(codec));
        }
        steps.put("every_value_of_acks_is_taken", this::everyValueOfAcksIsTaken);
        steps.put("a_topic_is_created_by_being_written_to", this::aTopicIsCreatedByBeingWrittenTo);
        steps.put("a_batch_that_is_too_large_is_refused", this::aBatchThatIsTooLargeIsRefused);
        steps.put("a_consumer_seeks_pauses_and_commits", this::aConsumerSeeksPausesAndCommits);
        steps.put("offsets_are_found_by_time", this::offsetsAreFoundByTime);
        steps.put("members_share_a_topic_eagerly", () -> membersShareATopic("eager", STRATEGY + Member.RANGE));
        steps.put("members_share_a_topic_cooperatively",
            () -> membersShareATopic("cooperative", STRATEGY + Member.COOPERATIVE));
        for (String assignor : List.of("uniform", "range")) {
            steps.put("members_of_the_new_protocol_share_a_topic_by_" + assignor,
                () -> membersShareATopic("new-" + assignor, NEW_PROTOCOL, "group.remote.assignor=" + assignor));
        }
        steps.put("a_static_member_of_the_new_protocol_returns", this::aStaticMemberOfTheNewProtocolReturns);
        steps.put("a_static_member_returns_without_a_rebalance", this::aStaticMemberReturns);
        steps.put("a_static_member_is_fenced_by_its_double", this::aStaticMemberIsFenced);
        steps.put("a_static_member_is_removed_by_an_operator", this::aStaticMemberIsRemoved);
        new Transactions(clients).addTo(steps);
        new Administration(clients).addTo(steps);
        steps.put("topics_are_administered", this::topicsAreAdministered);
        steps.put("groups_are_administered", this::groupsAreAdministered);
        steps.put("offsets_of_groups_are_administered", this::offsetsOfGroupsAreAdministered);
        steps.put("records_are_deleted_up_to_an_offset", this::recordsAreDeleted);
        steps.put("the_cluster_is_described", this::theClusterIsDescribed);
    }

    // Produce and consume.

    private void roundTrip(String codec) throws Exception {
        final int count = 2000;
        String topic = clients.newTopic("codec-" + codec, 1);
        try (var producer = clients.producer(Map.of("compression.type", codec, "linger.ms", 5))) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < count; ++i) sent.add(producer.send(record(topic, codec, i)));
            for (int i = 0; i < count; ++i) Clients.checkEqual((long) i, sent.get(i).get().offset());
        }
        List<ConsumerRecord<String, String>> records = clients.read(topic, count, Map.of());
        for (int i = 0; i < count; ++i) {
            ConsumerRecord<String, String> read = records.get(i);
            ProducerRecord<String, String> sent = record(topic, codec, i);
            Clients.checkEqual((long) i, read.offset());
            Clients.checkEqual(String.valueOf(sent.key()), String.valueOf(read.key()));
            Clients.checkEqual(String.valueOf(sent.value()), String.valueOf(read.value()));
            Clients.checkEqual(sent.headers(), read.headers());
        }
    }

    private static ProducerRecord<String, String> record(String topic, String codec, int number) {
        String key = number % 3 == 0 ? null : "key-" + number;
        String value = number % 7 == 0 ? null : (codec + "-" + number + "-").repeat(number % 50);
        return new ProducerRecord<>(topic, 0, key, value,
            List.of(new RecordHeader("number", String.valueOf(number).getBytes()), new RecordHeader("none", null)));
    }

    private void everyValueOfAcksIsTaken() throws Exception {
        String topic = clients.newTopic("acks", 1);
        for (String acks : List.of("0", "1", "all")) {
            try (var producer = clients.producer(Map.of("acks", acks, "enable.idempotence", false))) {
                producer.send(new ProducerRecord<>(topic, acks)).get();
            }
        }
        List<String> values = clients.read(topic, 3, Map.of()).stream().map(ConsumerRecord::value).toList();
        Clients.checkEqual(List.of("0", "1", "all"), values);
    }

    private void aTopicIsCreatedByBeingWrittenTo() throws Exception {
        String topic = "java-automatic";
        try (var producer = clients.producer(Map.of())) {
            producer.send(new ProducerRecord<>(topic, "first")).get();
        }
        clients.read(topic, 1, Map.of());
    }

    private void aBatchThatIsTooLargeIsRefused() throws Exception {
        String topic = clients.newTopic("large", 1);
        try (var producer = clients.producer(Map.of("max.request.size", 8 << 20, "buffer.memory", 32 << 20))) {
            Clients.checkFails(RecordTooLargeException.class,
                               () -> producer.send(new ProducerRecord<>(topic, "x".repeat(2 << 20))).get());
            producer.send(new ProducerRecord<>(topic, "the producer is still good")).get();
        }
        clients.read(topic, 1, Map.of());
    }

    private void aConsumerSeeksPausesAndCommits() throws Exception {
        String topic = clients.newTopic("seek", Clients.PARTITIONS);
        clients.sendNumbers(topic, 0, 40);
        TopicPartition second = new TopicPartition(topic, 1);
        Map<String, Object> options = Map.of("group.id", topic + "-group", "enable.auto.commit", false);
        try (var consumer = clients.consumer(options)) {
            consumer.assign(List.of(second));
            Clients.checkEqual(0L, consumer.beginningOffsets(List.of(second)).get(second));
            Clients.checkEqual(10L, consumer.endOffsets(List.of(second)).get(second));
            consumer.seek(second, 7);
            List<String> values = new ArrayList<>();
            Clients.waitUntil("3 records", () -> {
                consumer.poll(Duration.ofMillis(100)).forEach(record -> values.add(record.value()));
                return values.size() == 3;
            });
            Clients.checkEqual(List.of("29", "33", "37"), values);
            Clients.checkEqual(10L, consumer.position(second));
            consumer.pause(List.of(second));
            consumer.seek(second, 0);
            Clients.check(consumer.poll(Duration.ofMillis(300)).isEmpty(), "a paused partition gives records");
            consumer.commitSync(Map.of(second, new OffsetAndMetadata(9, "where I was")));
        }
        try (var consumer = clients.consumer(options)) {
            OffsetAndMetadata committed = consumer.committed(Set.of(second)).get(second);
            Clients.checkEqual(new OffsetAndMetadata(9, "where I was"), committed);
            consumer.assign(List.of(second));
            Clients.checkEqual(9L, consumer.position(second));
        }
        try (var consumer = clients.consumer(Map.of("auto.offset.reset", "none"))) {
            consumer.assign(List.of(second));
            consumer.seek(second, 1000);
            Clients.checkFails(org.apache.kafka.clients.consumer.OffsetOutOfRangeException.class, () -> {
                for (int i = 0; i < 50; ++i) consumer.poll(Duration.ofMillis(100));
            });
        }
    }

    private void offsetsAreFoundByTime() throws Exception {
        String topic = clients.newTopic("times", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (var producer = clients.producer(Map.of())) {
            // The newest is not the last.
            for (long time : List.of(1_000_000L, 3_000_000L, 2_000_000L)) {
                producer.send(new ProducerRecord<>(topic, 0, time, null, "x")).get();
            }
        }
        try (var consumer = clients.consumer(Map.of())) {
            Clients.checkEqual(1L, consumer.offsetsForTimes(Map.of(partition, 1_000_001L)).get(partition).offset());
            Clients.checkEqual(3_000_000L,
                               consumer.offsetsForTimes(Map.of(partition, 1_000_001L)).get(partition).timestamp());
            Clients.check(consumer.offsetsForTimes(Map.of(partition, 3_000_001L)).get(partition) == null,
                          "something is there after the newest message");
        }
        Map<OffsetSpec, Long> expected = Map.of(OffsetSpec.earliest(), 0L, OffsetSpec.latest(), 3L,
                                                OffsetSpec.maxTimestamp(), 1L, OffsetSpec.forTimestamp(5), 0L,
                                                OffsetSpec.forTimestamp(3_000_001), -1L);
        for (var each : expected.entrySet()) {
            Clients.checkEqual(each.getValue(),
                               clients.admin.listOffsets(Map.of(partition, each.getKey())).all().get().get(partition)
                                   .offset());
        }
    }

    // Consumer groups.

    private Member member(String topic, String... settings) throws Exception {
        return new Member(clients.broker, topic + "-group", topic, settings);
    }

    private static void waitForShares(Member... members) {
        Clients.waitUntil("fair shares for " + members.length + " members", () -> {
            List<Set<Integer>> shares = List.of(members).stream().map(m -> m.partitions).toList();
            Set<Integer> all = shares.stream().flatMap(Set::stream).collect(Collectors.toCollection(TreeSet::new));
            int total = shares.stream().mapToInt(Set::size).sum();
            boolean areEqual = shares.stream().map(Set::size).distinct().count() == 1;
            return all.size() == Clients.PARTITIONS && total == Clients.PARTITIONS && areEqual;
        });
    }

    private static void waitForNumbers(int count, Member... members) {
        Set<String> expected = IntStream.range(0, count).mapToObj(String::valueOf).collect(Collectors.toSet());
        Clients.waitUntil(count + " numbers for " + members.length + " members", () -> {
            Set<String> seen = List.of(members).stream().flatMap(m -> m.values.stream()).collect(Collectors.toSet());
            return seen.equals(expected);
        });
    }

    private void membersShareATopic(String name, String... settings) throws Exception {
        String topic = clients.newTopic("group-" + name, Clients.PARTITIONS);
        clients.sendNumbers(topic, 0, 40);
        Member first = member(topic, settings);
        waitForShares(first);
        Member second = member(topic, settings);
        waitForShares(first, second);
        clients.sendNumbers(topic, 40, 40);
        waitForNumbers(80, first, second);

        second.die();
        waitForShares(first);
        Member third = member(topic, settings);
        waitForShares(first, third);
        first.leave();
        waitForShares(third);
        clients.sendNumbers(topic, 80, 40);
        waitForNumbers(120, first, second, third);
        third.leave();
    }

    // It says that it will be back; one that was killed has to wait until its session has ended.
    private void aStaticMemberOfTheNewProtocolReturns() throws Exception {
        String topic = clients.newTopic("new-static", Clients.PARTITIONS);
        Member first = member(topic, NEW_PROTOCOL, instance("one"));
        Member second = member(topic, NEW_PROTOCOL, instance("two"));
        waitForShares(first, second);
        Set<Integer> share = second.partitions;
        int epoch = first.generation;
        second.leave();
        second = member(topic, NEW_PROTOCOL, instance("two"));
        waitForShares(first, second);
        Clients.checkEqual(share, second.partitions);
        Clients.checkEqual(epoch, first.generation);
        Clients.checkEqual(epoch, second.generation);

        String group = topic + "-group";
        ConsumerGroupDescription described =
            clients.admin.describeConsumerGroups(List.of(group)).describedGroups().get(group).get();
        Clients.checkEqual("Consumer", described.type().toString());
        Clients.checkEqual(2, described.members().size());
        Set<Integer> sizes = described.members().stream()
            .map(m -> m.assignment().topicPartitions().size()).collect(Collectors.toSet());
        Clients.checkEqual(Set.of(Clients.PARTITIONS / 2), sizes);
        clients.sendNumbers(topic, 0, 40);
        waitForNumbers(40, first, second);
        first.leave();
        second.leave();
    }

    private static String instance(String id) {
        return "group.instance.id=" + id;
    }

    private void aStaticMemberReturns() throws Exception {
        String topic = clients.newTopic("static", Clients.PARTITIONS);
        Member first = member(topic, instance("one"), "session.timeout.ms=30000");
        // The first one joins again when the second does, and then also says what it owned.
        waitForShares(first);
        Member second = member(topic, instance("two"), "session.timeout.ms=30000");
        waitForShares(first, second);
        Set<Integer> share = second.partitions;
        int generation = first.generation;

        for (boolean isKilled : List.of(true, false)) {
            if (isKilled) second.die(); else second.leave();
            second = member(topic, instance("two"), "session.timeout.ms=30000");
            waitForShares(first, second);
            Clients.checkEqual(share, second.partitions);
            Clients.checkEqual(generation, first.generation);
            Clients.checkEqual(generation, second.generation);
        }
        clients.sendNumbers(topic, 0, 40);
        waitForNumbers(40, first, second);
        // The one that leads the group returns.
        first.die();
        Member again = member(topic, instance("one"), "session.timeout.ms=30000");
        waitForShares(again, second);
        Clients.checkEqual(generation, again.generation);
        again.leave();
        second.leave();
    }

    private void aStaticMemberIsFenced() throws Exception {
        String topic = clients.newTopic("fenced", Clients.PARTITIONS);
        Member first = member(topic, instance("one"));
        waitForShares(first);
        Member twin = member(topic, instance("one"));
        waitForShares(twin);
        Clients.waitUntil("the end of the first", () -> !first.isAlive() && !first.error.isEmpty());
        Clients.checkEqual("FencedInstanceIdException", first.error);
        twin.leave();
    }

    private void aStaticMemberIsRemoved() throws Exception {
        String topic = clients.newTopic("removed", Clients.PARTITIONS);
        Member first = member(topic, instance("one"), "session.timeout.ms=60000");
        Member second = member(topic, instance("two"), "session.timeout.ms=60000");
        waitForShares(first, second);
        second.die();
        clients.admin.removeMembersFromConsumerGroup(
            topic + "-group", new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("two")))).all().get();
        waitForShares(first);
        first.leave();
    }

    // Administration.

    private void topicsAreAdministered() throws Exception {
        String topic = clients.newTopic("topics", 3, Map.of("retention.ms", "3600000"));
        Clients.check(clients.admin.listTopics().names().get().contains(topic), "%s is not listed", topic);
        TopicDescription described = clients.admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        Clients.checkEqual(3, described.partitions().size());
        Clients.checkEqual(clients.admin.describeCluster().controller().get().id(),
                           described.partitions().get(0).leader().id());
        Uuid id = described.topicId();
        Clients.check(!id.equals(Uuid.ZERO_UUID), "a topic without an id");
        Clients.checkEqual(topic, clients.admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds()
                                      .get().get(id).name());

        Clients.checkFails(TopicExistsException.class, () -> clients.admin.createTopics(
            List.of(new NewTopic(topic, 1, (short) 1))).all().get());
        Clients.checkFails(InvalidTopicException.class, () -> clients.admin.createTopics(
            List.of(new NewTopic("java/bad", 1, (short) 1))).all().get());
        clients.admin.createTopics(List.of(new NewTopic(topic + "-not-made", 1, (short) 1)),
                                   new CreateTopicsOptions().validateOnly(true)).all().get();
        Clients.check(!clients.admin.listTopics().names().get().contains(topic + "-not-made"), "validating has made it");

        clients.admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
        Clients.checkFails(UnknownTopicOrPartitionException.class,
                           () -> clients.admin.describeTopics(List.of(topic)).allTopicNames().get());
        // A name that was deleted is free, and names another topic.
        clients.admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
        Uuid another = clients.admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId();
        Clients.check(!another.equals(id), "two topics with one id");
        clients.admin.deleteTopics(List.of(topic)).all().get();
    }

    private void groupsAreAdministered() throws Exception {
        String topic = clients.newTopic("groups", Clients.PARTITIONS);
        String group = topic + "-group";
        Member member = member(topic);
        waitForShares(member);
        Clients.check(clients.admin.listConsumerGroups().all().get().stream().anyMatch(g -> g.groupId().equals(group)),
                      "%s is not listed", group);
        ConsumerGroupDescription described =
            clients.admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        Clients.checkEqual("Stable", described.state().toString());
        Clients.checkEqual(1, described.members().size());
        Clients.checkEqual("member", described.members().iterator().next().clientId());
        Clients.checkEqual(Clients.PARTITIONS,
                           described.members().iterator().next().assignment().topicPartitions().size());
        Clients.checkFails(GroupNotEmptyException.class,
                           () -> clients.admin.deleteConsumerGroups(List.of(group)).all().get());
        member.leave();
        clients.admin.deleteConsumerGroups(List.of(group)).all().get();
        Clients.checkFails(GroupIdNotFoundException.class,
                           () -> clients.admin.deleteConsumerGroups(List.of(group)).all().get());
    }

    private void offsetsOfGroupsAreAdministered() throws Exception {
        String topic = clients.newTopic("offsets", Clients.PARTITIONS);
        String group = topic + "-group";
        TopicPartition second = new TopicPartition(topic, 1);
        TopicPartition third = new TopicPartition(topic, 2);
        clients.admin.alterConsumerGroupOffsets(group, Map.of(second, new OffsetAndMetadata(7),
                                                              third, new OffsetAndMetadata(8))).all().get();
        Clients.checkEqual(Map.of(second, new OffsetAndMetadata(7), third, new OffsetAndMetadata(8)),
                           clients.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get());
        clients.admin.deleteConsumerGroupOffsets(group, Set.of(third)).all().get();
        Clients.checkEqual(Set.of(second),
                           clients.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().keySet());
        Member member = member(topic);
        waitForShares(member);
        Clients.checkFails(GroupSubscribedToTopicException.class,
                           () -> clients.admin.deleteConsumerGroupOffsets(group, Set.of(second)).all().get());
        member.leave();
    }

    private void recordsAreDeleted() throws Exception {
        String topic = clients.newTopic("records", Clients.PARTITIONS);
        TopicPartition first = new TopicPartition(topic, 0);
        clients.sendNumbers(topic, 0, 40);
        Clients.checkEqual(6L, clients.admin.deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(6)))
                                   .lowWatermarks().get(first).get().lowWatermark());
        Clients.checkEqual(6L, clients.admin.listOffsets(Map.of(first, OffsetSpec.earliest())).all().get().get(first)
                                   .offset());
        clients.read(topic, 34, Map.of());
        Clients.checkFails(OffsetOutOfRangeException.class, () -> clients.admin.deleteRecords(
            Map.of(first, RecordsToDelete.beforeOffset(1000))).all().get());
    }

    private void theClusterIsDescribed() throws Exception {
        Clients.checkEqual(1, clients.admin.describeCluster().nodes().get().size());
        Clients.check(!clients.admin.describeCluster().clusterId().get().isEmpty(), "a cluster without an id");
    }
}
