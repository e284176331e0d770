using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc;

/// <summary>
/// Gives a closed connection's allocations back: their release may need a fresh nonce or a second try, and a server counts an allocation
/// that was not given back against its user for ten minutes. Bounded in time; then the connections to the relays are closed.
/// </summary>
internal sealed class RelayFarewell
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Lock gate = new();
    private readonly IceGatherer gatherer;
    private readonly PeerConnection.RelayReceiver[] relays;
    private readonly PeerConnectionFactory factory;
    private readonly TimeSpan end;
    private readonly ITimer timer;
    private bool isOver;

    private RelayFarewell(IceGatherer gatherer, PeerConnection.RelayReceiver[] relays, PeerConnectionFactory factory)
    {
        (this.gatherer, this.relays, this.factory) = (gatherer, relays, factory);
        end = factory.Now + Patience;
        timer = factory.Time.CreateTimer(static self => ((RelayFarewell)self!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Takes over a released gatherer and its relays.</summary>
    public static void Begin(IceGatherer gatherer, PeerConnection.RelayReceiver[] relays, PeerConnectionFactory factory)
    {
        if (relays.Length == 0)
            return;
        var farewell = new RelayFarewell(gatherer, relays, factory);
        lock (farewell.gate)
        {
            foreach (var relay in relays)
                relay.RedirectTo(farewell);
            farewell.Advance();
        }
    }

    public void OnMessage(ushort relay, ReadOnlySpan<byte> message)
    {
        lock (gate)
        {
            if (isOver)
                return;
            gatherer.TryUnwrap(factory.Now, relay, message, out _, out _);
            Advance();
        }
    }

    public void OnDisconnected(ushort relay)
    {
        lock (gate)
        {
            if (isOver)
                return;
            gatherer.RelayDisconnected(factory.Now, relay, "");
            Advance();
        }
    }

    private void OnTimer()
    {
        lock (gate)
        {
            if (isOver)
                return;
            gatherer.HandleTimeout(factory.Now);
            Advance();
        }
    }

    private void Advance()
    {
        var now = factory.Now;
        var buffer = BufferPool.Rent(StunFormat.MaximumLength);
        while (gatherer.TryWriteDatagram(now, buffer, out var length, out var remote))
            Array.Find(relays, relay => relay.Number == remote.Relay)?.Link.Send(buffer.AsSpan(0, length));
        BufferPool.Return(buffer);

        if (gatherer.OpenRelays > 0 && now < end)
        {
            var due = gatherer.NextTimeout < end ? gatherer.NextTimeout : end;
            timer.Change(TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling((due - now).TotalMilliseconds))), Timeout.InfiniteTimeSpan);
            return;
        }
        isOver = true;
        timer.Dispose();
        foreach (var relay in relays)
            relay.Link.Dispose();
    }
}
