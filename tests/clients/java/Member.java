import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/**
 * A member of a consumer group in a process of its own, so that it can die without a word. The process prints what it
 * has and what it reads; it leaves when its standard input ends.
 */
final class Member {
    static final String RANGE = "org.apache.kafka.clients.consumer.RangeAssignor";
    static final String COOPERATIVE = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";

    /** Every value that was read, once. */
    final Set<String> values = ConcurrentHashMap.newKeySet();
    volatile Set<Integer> partitions = Set.of();
    volatile int generation = -1;
    /** The class of the error that ended it. */
    volatile String error = "";

    private final Process process;
    private final Thread reader;

    /** `settings` are more settings of its consumer, each as NAME=VALUE. */
    Member(String broker, String group, String topic, String... settings) throws IOException {
        List<String> words = new ArrayList<>(List.of(
            System.getProperty("java.home") + "/bin/java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=" + System.getProperty("org.slf4j.simpleLogger.defaultLogLevel"),
            "-cp", System.getProperty("java.class.path"), "Member", broker, group, topic));
        words.addAll(List.of(settings));
        process = new ProcessBuilder(words).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        reader = new Thread(this::follow);
        reader.setDaemon(true);
        reader.start();
    }

    /** Closes its consumer: one that is not static says goodbye. */
    void leave() throws Exception {
        process.getOutputStream().close();
        Clients.check(process.waitFor(30, TimeUnit.SECONDS), "a member does not end");
        reader.join();
        partitions = Set.of();
    }

    void die() throws Exception {
        process.destroyForcibly().waitFor();
        reader.join();
        partitions = Set.of();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    private void follow() {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(process.getInputStream()))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] words = line.split(" ", 3);
                switch (words[0]) {
                    case "value" -> values.add(words[1]);
                    case "error" -> error = words[1];
                    case "has" -> {
                        generation = Integer.parseInt(words[1]);
                        partitions = words.length < 3 || words[2].isEmpty()
                            ? Set.of()
                            : List.of(words[2].split(",")).stream().map(Integer::valueOf).collect(Collectors.toSet());
                    }
                    default -> System.out.println("a member says: " + line);
                }
            }
        } catch (IOException ignored) {
            // It died.
        }
    }

    // The process itself.

    public static void main(String[] words) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", words[0]);
        properties.put("group.id", words[1]);
        properties.put("client.id", "member");
        properties.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        properties.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        properties.put("auto.offset.reset", "earliest");
        properties.put("auto.commit.interval.ms", "200");
        properties.put("session.timeout.ms", "6000");
        properties.put("heartbeat.interval.ms", "300");
        for (int i = 3; i < words.length; ++i) {
            properties.put(words[i].split("=", 2)[0], words[i].split("=", 2)[1]);
        }
        if ("consumer".equals(properties.get("group.protocol"))) {
            // The broker decides.
            properties.remove("session.timeout.ms");
            properties.remove("heartbeat.interval.ms");
        }

        AtomicBoolean mustLeave = new AtomicBoolean();
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (IOException ignored) {
                // As good as its end.
            }
            mustLeave.set(true);
        });
        watch.setDaemon(true);
        watch.start();

        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
            consumer.subscribe(List.of(words[2]));
            String said = "";
            while (!mustLeave.get()) {
                consumer.poll(Duration.ofMillis(100)).forEach(record -> System.out.println("value " + record.value()));
                String partitions = consumer.assignment().stream().map(TopicPartition::partition).sorted()
                    .map(String::valueOf).collect(Collectors.joining(","));
                String has = "has " + consumer.groupMetadata().generationId() + " " + partitions;
                if (!has.equals(said)) System.out.println(has);
                said = has;
            }
        } catch (RuntimeException error) {
            System.out.println("error " + error.getClass().getSimpleName());
        }
    }
}
