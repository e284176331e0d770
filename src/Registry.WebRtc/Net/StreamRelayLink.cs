using System.Net.Sockets;
using System.Threading.Channels;
using Registry.WebRtc.Turn;

namespace Registry.WebRtc.Net;

/// <summary>
/// A TCP or TLS connection to a TURN server. What does not fit the bounded queue in front of a slow connection is lost, as on a full
/// link: the SCTP association above takes that for congestion, which it is.
/// </summary>
internal sealed class StreamRelayLink(Stream stream) : RelayLink
{
    private const int QueueCapacity = 512;

    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    private readonly Channel<DatagramRun> outgoing = Channel.CreateBounded<DatagramRun>(
        new BoundedChannelOptions(QueueCapacity) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    private readonly CancellationTokenSource stop = new();
    private volatile bool disposed;

    public override void Start(IRelayLinkReceiver receiver)
    {
        _ = Task.Run(() => ReceiveAsync(receiver));
        _ = Task.Run(SendAsync);
    }

    public override void Send(ReadOnlySpan<byte> message)
    {
        var copy = DatagramRun.Copy(message, message.Length, default);
        if (!outgoing.Writer.TryWrite(copy))
            copy.Return();
    }

    /// <summary>Closes the connection when what is queued has been sent, or after a second.</summary>
    public override void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        outgoing.Writer.TryComplete();
        stop.CancelAfter(LastWords);
    }

    private async Task SendAsync()
    {
        try
        {
            await foreach (var message in outgoing.Reader.ReadAllAsync(stop.Token).ConfigureAwait(false))
            {
                try
                {
                    await stream.WriteAsync(message.Array.AsMemory(0, message.Length), stop.Token).ConfigureAwait(false);
                }
                finally
                {
                    message.Return();
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The receiving side tells its owner.
        }
        await CloseAsync().ConfigureAwait(false);
    }

    private async Task CloseAsync()
    {
        outgoing.Writer.TryComplete();
        while (outgoing.Reader.TryRead(out var message))
            message.Return();
        await stream.DisposeAsync().ConfigureAwait(false);
    }

    private async Task ReceiveAsync(IRelayLinkReceiver receiver)
    {
        var reason = "the server closed the connection";
        try
        {
            var frames = new TurnFrameReader();
            while (await stream.ReadAsync(frames.Free).ConfigureAwait(false) is > 0 and var length)
            {
                frames.Advance(length);
                while (frames.TryRead(out var message))
                    receiver.OnMessage(message);
                if (frames.IsBroken)
                {
                    reason = "the server sent something that is not TURN";
                    break;
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            reason = $"the connection broke: {e.Message}";
        }
        outgoing.Writer.TryComplete();
        if (!disposed)
            receiver.OnDisconnected(reason);
    }
}
