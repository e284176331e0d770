using System.Diagnostics.Metrics;
using Registry.Actors.Admission;
using Registry.Actors.Channels;
using Registry.Actors.ReadModel;
using Registry.Actors.Reconciling;
using Registry.Actors.Tracing;
using Registry.Messages;

namespace Registry.Actors.Metrics;

/// <summary>
/// The node's figures in the meter <c>Registry</c>: seconds and bytes, and only labels from closed lists, so that the number of series
/// does not depend on the number of tubes.
/// </summary>
internal sealed class RegistryMetrics : IDisposable
{
    private const string Created = "created";

    private static readonly InstrumentAdvice<double> Seconds = Buckets(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30);
    private static readonly InstrumentAdvice<double> RoundTrips = Buckets(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5);
    private static readonly InstrumentAdvice<double> Lifetimes = Buckets(1, 10, 60, 300, 1800, 3600, 4 * 3600, 12 * 3600, 86_400, 7 * 86_400);
    private static readonly InstrumentAdvice<long> Volumes = new() { HistogramBucketBoundaries = [1L << 10, 1L << 16, 1L << 20, 1L << 24, 1L << 28, 1L << 32, 1L << 36] };

    private static readonly KeyValuePair<string, object?>[] Phases = [new("phase", "ice"), new("phase", "dtls"), new("phase", "sctp")];
    private static readonly KeyValuePair<string, object?> Direct = new("path", "direct");
    private static readonly KeyValuePair<string, object?> Relayed = new("path", "relayed");
    private static readonly KeyValuePair<string, object?> Sent = new("direction", "sent");
    private static readonly KeyValuePair<string, object?> Received = new("direction", "received");

    private readonly Lock gate = new();
    private readonly HashSet<TubeMetrics> tubes = [];
    private readonly ClosedCounter<string> creates;
    private readonly ClosedCounter<RefusalCode> refusals;
    private readonly ClosedCounter<CloseReason> tubesClosed;
    private readonly ClosedCounter<CloseReason> channelsClosed;
    private readonly ClosedCounter<TubeState> transitions;
    private readonly ClosedCounter<TubeState> deadlines;
    private readonly ClosedCounter<DifferenceKind> findings;
    private readonly Histogram<double> createDuration;
    private readonly Histogram<double> connectDuration;
    private readonly Histogram<double> phaseDuration;
    private readonly Histogram<double> roundTrip;
    private readonly Histogram<double> closeDuration;
    private readonly Histogram<double> lifetime;
    private readonly Histogram<long> tubeTraffic;
    private TubeTraffic ended;

    public RegistryMetrics(CreateAdmission admission, ChannelGauges channels)
    {
        var codes = Enum.GetValues<RefusalCode>().Select(c => (c, c.Text)).ToArray();
        var states = Enum.GetValues<TubeState>().Select(s => (s, s.Text)).ToArray();
        var reasons = Enum.GetValues<CloseReason>().Select(r => (r, r.Name)).ToArray();
        creates = new(Meter, "registry.creates", "{create}", "Creates by outcome.", "outcome", [(Created, Created), .. codes.Select(c => (c.Text, c.Text))]);
        refusals = new(Meter, "registry.refusals", "{create}", "Creates that were not admitted, by code.", "code", codes);
        tubesClosed = new(Meter, "registry.tubes.closed", "{tube}", "Ended tubes by close reason.", "reason", reasons);
        channelsClosed = new(Meter, "registry.channels.closed", "{channel}", "Ended channels by close reason.", "reason", reasons);
        transitions = new(Meter, "registry.tube.transitions", "{transition}", "States entered by tubes.", "state", states);
        deadlines = new(Meter, "registry.deadlines", "{deadline}", "Deadlines hit by the state that lasted too long.", "state", states);
        findings = new(Meter, "registry.reconciler.findings", "{finding}", "Differences between the registry's records and what exists, by kind; stays 0.", "kind", Enum.GetValues<DifferenceKind>().Select(k => (k, k.ToString())));
        createDuration = Meter.CreateHistogram("registry.create.duration", "s", "From admission to the answer, by outcome.", null, Seconds);
        connectDuration = Meter.CreateHistogram("registry.connect.duration", "s", "From both descriptions to the first open channel, by path.", null, Seconds);
        phaseDuration = Meter.CreateHistogram("registry.connect.phase.duration", "s", "What connecting is made of: ice, then dtls, then sctp with the first channel.", null, Seconds);
        roundTrip = Meter.CreateHistogram("registry.ice.round_trip", "s", "Round trip of each connected tube's path, when it becomes ready and at every round of the reconciler.", null, RoundTrips);
        closeDuration = Meter.CreateHistogram("registry.close.duration", "s", "From the decision to close a tube until everything was released.", null, Seconds);
        lifetime = Meter.CreateHistogram("registry.tube.lifetime", "s", "Age of tubes at their end.", null, Lifetimes);
        tubeTraffic = Meter.CreateHistogram("registry.tube.traffic", "By", "User bytes of a tube at its end, by direction.", null, Volumes);
        Meter.CreateObservableGauge("registry.tubes", CountByState, "{tube}", "Tubes by state.");
        Meter.CreateObservableGauge("registry.tubes.connected", CountByPath, "{tube}", "Tubes with a path, by whether it goes over a relay.");
        Meter.CreateObservableGauge("registry.tubes.limit", () => admission.Limits.MaxTubes, "{tube}", "Tubes that the node may hold.");
        Meter.CreateObservableGauge("registry.creates.in_flight", () => admission.Read().ActiveCreates, "{create}", "Creates in flight.");
        Meter.CreateObservableGauge("registry.creates.limit", () => admission.Limits.MaxConcurrentCreates, "{create}", "Creates that may be in flight.");
        Meter.CreateObservableGauge("registry.creates.waiting", () => admission.Read().Waiting, "{create}", "Creates that wait for admission.");
        Meter.CreateObservableGauge("registry.draining", () => admission.IsDraining ? 1 : 0, "{node}", "1 while the node goes out of service.");
        Meter.CreateObservableGauge("registry.connections", () => channels.Connections, "{connection}", "Open connections inside the tubes' channels.");
        Meter.CreateObservableCounter("registry.dials.denied", () => channels.DeniedDials, "{dial}", "Dials and datagrams that the target rules denied, those included that are not told again.");
        Meter.CreateObservableCounter("registry.tubes.stale_removed", () => admission.Read().StaleTubesRemoved, "{tube}", "Tubes ended by a deadline of their state.");
        Meter.CreateObservableCounter("registry.close.timeouts", () => admission.Read().CloseTimeouts, "{close}", "Closes cut short by their deadline.");
        Meter.CreateObservableCounter("registry.traffic.bytes", () => ByDirection(t => t.BytesSent, t => t.BytesReceived), "By", "User bytes in messages.");
        Meter.CreateObservableCounter("registry.traffic.messages", () => ByDirection(t => t.MessagesSent, t => t.MessagesReceived), "{message}", "Messages.");
    }

    public Meter Meter { get; } = new(TubeRegistryMetrics.MeterName);

    /// <summary>Tubes that are registered.</summary>
    public int Registrations { get { lock (gate) return tubes.Count; } }

    /// <summary>Counts a tube among the live ones until its registration is disposed.</summary>
    public TubeMetrics Register(TubeEntry entry)
    {
        var registration = new TubeMetrics(this, entry);
        lock (gate)
            tubes.Add(registration);
        return registration;
    }

    public void CreateEnded(RefusalCode? refusal, TimeSpan taken)
    {
        var outcome = refusal?.Text ?? Created;
        creates.Add(outcome);
        createDuration.Record(taken.TotalSeconds, new KeyValuePair<string, object?>("outcome", outcome));
    }

    public void Refused(RefusalCode code) => refusals.Add(code);

    public void Finding(DifferenceKind kind) => findings.Add(kind);

    public void Entered(TubeState state) => transitions.Add(state);

    public void DeadlineHit(TubeState state) => deadlines.Add(state);

    public void ConnectPhaseEnded(ConnectPhase phase, TimeSpan taken) => phaseDuration.Record(taken.TotalSeconds, Phases[(int)phase]);

    public void Connected(bool isRelayed, TimeSpan taken) => connectDuration.Record(taken.TotalSeconds, isRelayed ? Relayed : Direct);

    public void RoundTrip(TimeSpan measured) => roundTrip.Record(measured.TotalSeconds);

    /// <summary>Records the round trips of all connected tubes.</summary>
    public void SampleRoundTrips()
    {
        if (!roundTrip.Enabled)
            return;
        foreach (var tube in Registered())
            if (tube.Entry is { Snapshot.State: TubeState.Active or TubeState.Ready } entry && entry.ReadTraffic().RoundTripTime is { } measured)
                RoundTrip(measured);
    }

    public void ChannelClosed(CloseReason reason) => channelsClosed.Add(reason);

    public void TubeClosed(CloseReason reason, TimeSpan age, TimeSpan taken)
    {
        tubesClosed.Add(reason);
        lifetime.Record(age.TotalSeconds);
        closeDuration.Record(taken.TotalSeconds);
    }

    public void Dispose() => Meter.Dispose();

    internal void Unregister(TubeMetrics registration, TubeEntry entry)
    {
        var traffic = entry.ReadTraffic();
        lock (gate)
        {
            if (!tubes.Remove(registration))
                return;
            ended = Sum(ended, traffic);
        }

        tubeTraffic.Record(traffic.BytesSent, Sent);
        tubeTraffic.Record(traffic.BytesReceived, Received);
    }

    private TubeMetrics[] Registered()
    {
        lock (gate)
            return [.. tubes];
    }

    private IEnumerable<Measurement<int>> CountByState()
    {
        var counts = new int[Enum.GetValues<TubeState>().Length];
        foreach (var tube in Registered())
            counts[(int)tube.Entry.Snapshot.State]++;
        return counts.Select((count, state) => new Measurement<int>(count, new KeyValuePair<string, object?>("state", ((TubeState)state).Text)));
    }

    private IEnumerable<Measurement<int>> CountByPath()
    {
        int direct = 0, relayed = 0;
        foreach (var tube in Registered())
        {
            if (tube.Entry.Snapshot is not { State: TubeState.Active or TubeState.Ready, SelectedPair: { } pair })
                continue;
            if (IsRelayed(pair))
                relayed++;
            else
                direct++;
        }

        return [new(direct, Direct), new(relayed, Relayed)];
    }

    /// <summary>Whether a pair, such as host/relay, goes over a relay at either end.</summary>
    public static bool IsRelayed(string pair) => pair.Contains("relay", StringComparison.Ordinal);

    private IEnumerable<Measurement<long>> ByDirection(Func<TubeTraffic, long> sent, Func<TubeTraffic, long> received)
    {
        TubeTraffic total;
        lock (gate)
            total = tubes.Aggregate(ended, (sum, tube) => Sum(sum, tube.Entry.ReadTraffic()));
        return [new(sent(total), Sent), new(received(total), Received)];
    }

    private static TubeTraffic Sum(TubeTraffic a, TubeTraffic b) =>
        new(a.BytesSent + b.BytesSent, a.BytesReceived + b.BytesReceived, a.MessagesSent + b.MessagesSent, a.MessagesReceived + b.MessagesReceived, null);

    private static InstrumentAdvice<double> Buckets(params double[] boundaries) => new() { HistogramBucketBoundaries = boundaries };
}

/// <summary>A tube's registration with the node's metrics. Disposing it adds the tube's counters to those of the ended ones.</summary>
internal sealed class TubeMetrics(RegistryMetrics metrics, TubeEntry entry) : IDisposable
{
    public TubeEntry Entry => entry;

    public void Dispose() => metrics.Unregister(this, entry);
}
