using System.Buffers.Binary;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Registry.WebRtc.Net;

/// <summary>
/// A TCP or TLS connection that carries messages. What does not fit the bounded queue in front of a slow connection is lost, as on a full
/// link: the SCTP association above takes that for congestion, which it is.
/// </summary>
/// <param name="connect">Makes the connection once the link is started; messages queue meanwhile.</param>
/// <param name="frames">Cuts what is received into messages.</param>
/// <param name="prefixLength">2 where each message is sent behind its length (RFC 4571 §2), 0 where it says that itself.</param>
internal sealed class StreamLink(Func<CancellationToken, Task<Stream>> connect, IFrameReader frames, int prefixLength) : MessageLink
{
    private const int QueueCapacity = 512;

    // Long enough for a machine so busy that the sender has its turn seconds later: a peer that misses the goodbye learns of the end half a minute later.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(5);

    private readonly Channel<DatagramRun> outgoing = Channel.CreateBounded<DatagramRun>(
        new BoundedChannelOptions(QueueCapacity) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    private readonly CancellationTokenSource stop = new();
    private volatile bool disposed;

    /// <summary>A link over a connection that is open.</summary>
    public StreamLink(Stream stream, IFrameReader frames, int prefixLength) : this(_ => Task.FromResult(stream), frames, prefixLength)
    {
    }

    public override void Start(IMessageLinkReceiver receiver) => _ = Task.Run(() => RunAsync(receiver));

    public override void Send(ReadOnlySpan<byte> message)
    {
        var array = BufferPool.Rent(prefixLength + message.Length);
        if (prefixLength > 0)
            BinaryPrimitives.WriteUInt16BigEndian(array, (ushort)message.Length);
        message.CopyTo(array.AsSpan(prefixLength));
        var framed = new DatagramRun(array, prefixLength + message.Length, prefixLength + message.Length, default);
        if (!outgoing.Writer.TryWrite(framed))
            framed.Return();
    }

    /// <summary>Closes the connection when what is queued has been sent, or after five seconds.</summary>
    public override void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        outgoing.Writer.TryComplete();
        stop.CancelAfter(LastWords);
    }

    private async Task RunAsync(IMessageLinkReceiver receiver)
    {
        string reason;
        try
        {
            var stream = await connect(stop.Token).ConfigureAwait(false);
            _ = SendAsync(stream);
            reason = await ReceiveAsync(stream, receiver).ConfigureAwait(false);
            outgoing.Writer.TryComplete();
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            reason = $"it cannot be reached: {e.Message}";
            Discard();
        }
        if (!disposed)
            receiver.OnDisconnected(reason);
    }

    private async Task SendAsync(Stream stream)
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
        Discard();
        await stream.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Nothing is sent any more.</summary>
    private void Discard()
    {
        outgoing.Writer.TryComplete();
        while (outgoing.Reader.TryRead(out var message))
            message.Return();
    }

    /// <returns>Why it ended.</returns>
    private async Task<string> ReceiveAsync(Stream stream, IMessageLinkReceiver receiver)
    {
        try
        {
            while (await stream.ReadAsync(frames.Free).ConfigureAwait(false) is > 0 and var length)
            {
                frames.Advance(length);
                while (!disposed && frames.TryRead(out var message))
                    receiver.OnMessage(message);
                if (frames.IsBroken)
                    return "the other side sent something that does not belong there";
            }
            return "the other side closed the connection";
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            return $"the connection broke: {e.Message}";
        }
    }
}
