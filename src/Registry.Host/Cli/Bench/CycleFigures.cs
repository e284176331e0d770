using System.Diagnostics.Metrics;
using Akka.Actor;
using Registry.Host.Serving;

namespace Registry.Host.Cli.Bench;

/// <summary>What two registries in this process hold at one moment.</summary>
/// <param name="Cycles">Tubes made and closed on each of them by then.</param>
internal sealed record CycleFigures(int Cycles)
{
    /// <summary>Managed memory that is reachable, in KiB.</summary>
    public required long ManagedKb { get; init; }
    /// <summary>Resident memory in KiB.</summary>
    public required long RssKb { get; init; }
    /// <summary>Threads of the process.</summary>
    public required int Threads { get; init; }
    /// <summary>File descriptors other than those of assemblies and their symbols.</summary>
    public required int Fds { get; init; }
    /// <summary>UDP sockets.</summary>
    public required int Udp { get; init; }
    /// <summary>Tubes in the directories.</summary>
    public required int Tubes { get; init; }
    /// <summary>Actors of tubes.</summary>
    public required int TubeActors { get; init; }
    /// <summary>Peer connections that were not closed.</summary>
    public required int PeerConnections { get; init; }
    /// <summary>Tubes that the metrics count.</summary>
    public required int MetricRegistrations { get; init; }
    /// <summary>Differences that the reconcilers found.</summary>
    public required long ReconcilerFindings { get; init; }

    /// <summary>Collects garbage and reads them.</summary>
    /// <param name="cycles">Cycles so far.</param>
    /// <param name="settle">How long to wait first.</param>
    /// <param name="registries">The registries.</param>
    public static async Task<CycleFigures> ReadAsync(int cycles, TimeSpan settle, params InProcessRegistry[] registries)
    {
        var process = await Benchmarks.SettleAsync(settle);
        return new(cycles)
        {
            ManagedKb = GC.GetTotalMemory(forceFullCollection: true) / 1024,
            RssKb = process.Rss,
            Threads = process.Threads,
            Fds = process.Fds,
            Udp = process.Udp,
            Tubes = registries.Sum(r => r.Registry.Directory.Count),
            TubeActors = registries.Sum(r => ((ActorRefWithCell)r.Actor).Children.Count()),
            PeerConnections = registries.Sum(r => r.PeerConnections.OpenConnections),
            MetricRegistrations = CountRegistrations(),
            ReconcilerFindings = registries.Sum(r => r.Registry.Capacity.ReconcilerFindings),
        };
    }

    /// <summary>The counts that are higher here than they were, by their JSON keys. Memory and threads breathe and are not among them.</summary>
    public IEnumerable<string> AboveBaseline(CycleFigures baseline)
    {
        (string Key, long Now, long Then)[] counts =
        [
            ("fds", Fds, baseline.Fds), ("udp", Udp, baseline.Udp), ("tubes", Tubes, baseline.Tubes), ("tube_actors", TubeActors, baseline.TubeActors),
            ("peer_connections", PeerConnections, baseline.PeerConnections), ("metric_registrations", MetricRegistrations, baseline.MetricRegistrations),
            ("reconciler_findings", ReconcilerFindings, baseline.ReconcilerFindings),
        ];
        return counts.Where(c => c.Now > c.Then).Select(c => c.Key);
    }

    // As an exporter sees it: the gauge of the live tubes counts the registrations.
    private static int CountRegistrations()
    {
        var total = 0;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument is { Meter.Name: "Registry", Name: "registry.tubes" })
                l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<int>((_, tubes, _, _) => total += tubes);
        listener.Start();
        listener.RecordObservableInstruments();
        return total;
    }
}
