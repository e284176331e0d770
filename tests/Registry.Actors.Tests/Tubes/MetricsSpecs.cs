using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

public sealed class MetricsSpecs(ITestOutputHelper output) : RegistrySpec(output, configure: o => o.MaxConcurrentCreates = 3)
{
    [Fact]
    public async Task Every_outcome_has_its_counter()
    {
        using var reading = new Reading(Node.Metrics.Meter);
        var (near, _) = await PairAsync();
        await RefusedAsync(Create("c-near"));
        Peers.Break("CreateOffer", new InvalidOperationException("scripted"));
        await RefusedAsync(Create("broken"));
        Peers.Mend("CreateOffer");
        var held = Peers.Hold("CreateOffer");
        var creating = Enumerable.Range(0, 4).Select(i => Registry.CreateAsync(Create($"h{i}"))).ToArray();
        await AwaitAssertAsync(() => Registry.Capacity.TotalRejected.ShouldBe(1));
        reading.Read("registry.creates.in_flight").ShouldBe(3);
        reading.Read("registry.tubes", "initializing").ShouldBe(3);
        reading.Read("registry.tubes", "ready").ShouldBe(2);
        held.SetResult();
        await Task.WhenAll(creating);
        await Registry.CloseTubeAsync(new(near.TubeId, CloseReason.Client));

        reading.Read("registry.creates", "created").ShouldBe(5);
        reading.Read("registry.creates", "create_failed").ShouldBe(1);
        reading.Read("registry.refusals", "overloaded").ShouldBe(1);
        reading.Read("registry.refusals", "conversation_exists").ShouldBe(1);
        reading.Read("registry.tubes.closed", "Client").ShouldBe(1);
        reading.Read("registry.channels.closed", "Client").ShouldBe(1);
        reading.Read("registry.tube.transitions", "ready").ShouldBe(2);
        reading.Read("registry.create.duration", "created").ShouldBe(5);
        await AwaitAssertAsync(() => reading.Read("registry.close.duration").ShouldBe(3)); // the broken one, the closed one and its peer
        reading.Read("registry.tubes", "connecting").ShouldBe(3);
    }

    [Fact]
    public async Task Deadlines_and_stale_tubes_are_counted_by_state()
    {
        using var reading = new Reading(Node.Metrics.Meter);
        await CreatedAsync(Create("c"));
        Clock.Advance(TimeSpan.FromSeconds(30));
        await NothingLeftAsync();

        reading.Read("registry.deadlines", "connecting").ShouldBe(1);
        reading.Read("registry.tubes.stale_removed").ShouldBe(1);
        reading.Read("registry.tubes.closed", "ConnectionFailed").ShouldBe(1);
        reading.Read("registry.tubes", "connecting").ShouldBe(0);
    }

    [Fact]
    public async Task A_tube_is_registered_while_it_lives_and_its_bytes_stay_counted()
    {
        using var reading = new Reading(Node.Metrics.Meter);
        var created = await CreatedAsync(Create("c"));
        Node.Metrics.Registrations.ShouldBe(1);
        reading.Read("registry.traffic.bytes", "received").ShouldBe(8);

        await Registry.CloseTubeAsync(new(created.TubeId));

        Node.Metrics.Registrations.ShouldBe(0);
        reading.Read("registry.traffic.bytes", "received").ShouldBe(8);
        reading.Read("registry.traffic.messages", "sent").ShouldBe(1);
    }

    [Fact]
    public async Task The_series_do_not_depend_on_the_tubes()
    {
        using var reading = new Reading(Node.Metrics.Meter);
        await Cycle("first");
        var before = reading.Series();

        for (var i = 0; i < 20; i++)
            await Cycle($"c{i}");

        reading.Series().ShouldBe(before, ignoreOrder: true);
        reading.Series().ShouldAllBe(s => !s.Contains("c1", StringComparison.Ordinal));

        async Task Cycle(string name)
        {
            var created = await CreatedAsync(Create(name) with { Owner = name, TubeId = new(name) });
            await Registry.CloseTubeAsync(new(created.TubeId));
        }
    }

    /// <summary>Adds up what one meter measures.</summary>
    private sealed class Reading : IDisposable
    {
        private readonly MeterListener listener = new();
        private readonly ConcurrentDictionary<string, double> sums = new();

        public Reading(Meter meter)
        {
            listener.InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter == meter)
                    l.EnableMeasurementEvents(instrument);
            };
            listener.SetMeasurementEventCallback<long>((i, value, tags, _) => Add(i, value, tags));
            listener.SetMeasurementEventCallback<int>((i, value, tags, _) => Add(i, value, tags));
            listener.SetMeasurementEventCallback<double>((i, _, tags, _) => Add(i, 1, tags)); // histograms: how many
            listener.Start();
        }

        public double Read(string instrument, string label = "")
        {
            listener.RecordObservableInstruments();
            return sums.GetValueOrDefault($"{instrument}/{label}");
        }

        public IReadOnlyList<string> Series()
        {
            listener.RecordObservableInstruments();
            return [.. sums.Keys];
        }

        public void Dispose() => listener.Dispose();

        private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var key = $"{instrument.Name}/{(tags.IsEmpty ? "" : tags[0].Value)}";
            if (instrument.IsObservable)
                sums[key] = value;
            else
                sums.AddOrUpdate(key, value, (_, sum) => sum + value);
        }
    }
}
