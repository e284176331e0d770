using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Event;

namespace Registry.Actors.Reconciling;

/// <summary>A kind of thing that a tube holds and must give back.</summary>
internal enum HoldingKind
{
    /// <summary>A peer connection.</summary>
    PeerConnection,
    /// <summary>A conversation with its listener, sockets and pumps.</summary>
    Conversation,
    /// <summary>A registration with the node's metrics.</summary>
    Metrics,
}

/// <summary>Everything that the node's tubes hold, so that the reconciler sees what a tube left behind. Safe for every thread.</summary>
internal sealed class TubeHoldings
{
    private readonly ConcurrentDictionary<Holding, byte> held = new();

    public IEnumerable<Holding> All => held.Select(pair => pair.Key);

    /// <summary>Notes something that was acquired.</summary>
    /// <param name="owner">The tube's actor.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="release">Gives it back; may be called again when it failed.</param>
    public Holding Add(IActorRef owner, HoldingKind kind, Func<ValueTask> release)
    {
        var holding = new Holding(this, owner, kind, release);
        held.TryAdd(holding, 0);
        return holding;
    }

    internal void Remove(Holding holding) => held.TryRemove(holding, out _);
}

/// <summary>One thing that a tube holds.</summary>
internal sealed class Holding(TubeHoldings holdings, IActorRef owner, HoldingKind kind, Func<ValueTask> release)
{
    public IActorRef Owner { get; } = owner;

    public HoldingKind Kind { get; } = kind;

    /// <summary>Gives it back. What fails is logged and stays held, for the reconciler to try again. Never throws.</summary>
    /// <returns>Ends when it was given back or the attempt failed.</returns>
    public async Task ReleaseAsync(ILoggingAdapter log)
    {
        try
        {
            await release();
            holdings.Remove(this);
        }
        catch (Exception e)
        {
            log.Error(e, "{Tube} could not release its {Resource}", Owner.Path.Name, Kind);
        }
    }
}
