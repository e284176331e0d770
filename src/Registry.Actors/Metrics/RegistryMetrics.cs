using System.Diagnostics.Metrics;
using Registry.Actors.Admission;
using Registry.Actors.ReadModel;
using Registry.Actors.Reconciling;
using Registry.Messages;

namespace Registry.Actors.Metrics;

/// <summary>
/// The node's figures in the meter <c>Registry</c>: seconds and bytes, and only labels from closed lists, so that the number of series
/// does not depend on the number of tubes.
/// </summary>
internal sealed class RegistryMetrics : IDisposable
{
    private static readonly InstrumentAdvice<double> Seconds = new() { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] };

    private readonly Lock gate = new();
    private readonly HashSet<TubeMetrics> tubes = [];
    private readonly Counter<long> creates;
    private readonly Counter<long> refusals;
    private readonly Counter<long> tubesClosed;
    private readonly Counter<long> channelsClosed;
    private readonly Counter<long> transitions;
    private readonly Counter<long> deadlines;
    private readonly Counter<long> findings;
    private readonly Histogram<double> createDuration;
    private readonly Histogram<double> closeDuration;
    private TubeTraffic ended;

    public RegistryMetrics(CreateAdmission admission)
    {
        creates = Meter.CreateCounter<long>("registry.creates", "{create}", "Creates by outcome.");
        refusals = Meter.CreateCounter<long>("registry.refusals", "{create}", "Refused creates by code.");
        tubesClosed = Meter.CreateCounter<long>("registry.tubes.closed", "{tube}", "Ended tubes by close reason.");
        channelsClosed = Meter.CreateCounter<long>("registry.channels.closed", "{channel}", "Ended channels by close reason.");
        transitions = Meter.CreateCounter<long>("registry.tube.transitions", "{transition}", "States entered by tubes.");
        deadlines = Meter.CreateCounter<long>("registry.deadlines", "{deadline}", "Deadlines hit by the state that lasted too long.");
        findings = Meter.CreateCounter<long>("registry.reconciler.findings", "{finding}", "Differences between the registry's records and what exists, by kind; stays 0.");
        createDuration = Meter.CreateHistogram("registry.create.duration", "s", "From admission to the answer, by outcome.", null, Seconds);
        closeDuration = Meter.CreateHistogram("registry.close.duration", "s", "From the decision to close a tube until everything was released.", null, Seconds);
        Meter.CreateObservableGauge("registry.tubes", CountByState, "{tube}", "Tubes by state.");
        Meter.CreateObservableGauge("registry.creates.in_flight", () => admission.Read().ActiveCreates, "{create}", "Creates in flight.");
        Meter.CreateObservableGauge("registry.creates.waiting", () => admission.Read().Waiting, "{create}", "Creates that wait for admission.");
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

    public void CreateEnded(string outcome, TimeSpan taken)
    {
        creates.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
        createDuration.Record(taken.TotalSeconds, new KeyValuePair<string, object?>("outcome", outcome));
    }

    public void Refused(RefusalCode code) => refusals.Add(1, new KeyValuePair<string, object?>("code", code.Text));

    public void Finding(DifferenceKind kind) => findings.Add(1, new KeyValuePair<string, object?>("kind", kind.ToString()));

    public void Entered(TubeState state) => transitions.Add(1, new KeyValuePair<string, object?>("state", state.Text));

    public void DeadlineHit(TubeState state) => deadlines.Add(1, new KeyValuePair<string, object?>("state", state.Text));

    public void ChannelClosed(CloseReason reason) => channelsClosed.Add(1, new KeyValuePair<string, object?>("reason", reason.Name));

    public void TubeClosed(CloseReason reason, TimeSpan taken)
    {
        tubesClosed.Add(1, new KeyValuePair<string, object?>("reason", reason.Name));
        closeDuration.Record(taken.TotalSeconds);
    }

    public void Dispose() => Meter.Dispose();

    internal void Unregister(TubeMetrics registration, TubeEntry entry)
    {
        lock (gate)
            if (tubes.Remove(registration))
                ended = Sum(ended, entry.ReadTraffic());
    }

    private IEnumerable<Measurement<int>> CountByState()
    {
        var counts = new int[Enum.GetValues<TubeState>().Length];
        lock (gate)
            foreach (var tube in tubes)
                counts[(int)tube.Entry.Snapshot.State]++;
        return counts.Select((count, state) => new Measurement<int>(count, new KeyValuePair<string, object?>("state", ((TubeState)state).Text)));
    }

    private IEnumerable<Measurement<long>> ByDirection(Func<TubeTraffic, long> sent, Func<TubeTraffic, long> received)
    {
        TubeTraffic total;
        lock (gate)
            total = tubes.Aggregate(ended, (sum, tube) => Sum(sum, tube.Entry.ReadTraffic()));
        return
        [
            new(sent(total), new KeyValuePair<string, object?>("direction", "sent")),
            new(received(total), new KeyValuePair<string, object?>("direction", "received")),
        ];
    }

    private static TubeTraffic Sum(TubeTraffic a, TubeTraffic b) =>
        new(a.BytesSent + b.BytesSent, a.BytesReceived + b.BytesReceived, a.MessagesSent + b.MessagesSent, a.MessagesReceived + b.MessagesReceived, null);
}

/// <summary>A tube's registration with the node's metrics. Disposing it adds the tube's counters to those of the ended ones.</summary>
internal sealed class TubeMetrics(RegistryMetrics metrics, TubeEntry entry) : IDisposable
{
    public TubeEntry Entry => entry;

    public void Dispose() => metrics.Unregister(this, entry);
}
