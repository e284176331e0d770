using System.Net.Sockets;

namespace Registry.WebRtc.Net;

/// <summary>To whom a TCP connection of ICE belongs.</summary>
internal interface ITcpLinkOwner : IDatagramReceiver
{
    /// <summary>Takes an accepted connection over.</summary>
    /// <returns>False when it is not wanted.</returns>
    bool TryAccept(TcpLink link);

    /// <summary>The connection has ended, however that came about.</summary>
    void OnClosed(TcpLink link);
}

/// <summary>Finds the owner of a connection by the first message that came over it; null when it names none.</summary>
internal delegate ITcpLinkOwner? FindTcpLinkOwner(ReadOnlySpan<byte> firstMessage);

/// <summary>
/// A TCP connection of ICE (RFC 6544) with the framing of RFC 4571. Until its owner has authenticated what came over it, it has a deadline;
/// an accepted one has no owner until its first message, a check, names one.
/// </summary>
internal sealed class TcpLink : IMessageLinkReceiver, IDisposable
{
    /// <summary>Time from its beginning in which a connection has to prove itself.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private readonly MessageLink messages;
    private readonly FindTcpLinkOwner? find;
    private readonly Action<TcpLink>? onProven;
    private readonly Action<TcpLink>? onClosed;
    private readonly ITimer deadline;
    private volatile ITcpLinkOwner? owner;
    private int proven;
    private int closed;

    private TcpLink(TransportAddress remote, MessageLink messages, TimeProvider time)
    {
        Remote = remote;
        this.messages = messages;
        deadline = time.CreateTimer(static self => ((TcpLink)self!).Dispose(), this, Deadline, Timeout.InfiniteTimeSpan);
    }

    private TcpLink(TransportAddress remote, MessageLink messages, TimeProvider time, FindTcpLinkOwner find, Action<TcpLink> onProven, Action<TcpLink> onClosed)
        : this(remote, messages, time) => (this.find, this.onProven, this.onClosed) = (find, onProven, onClosed);

    /// <summary>The other end.</summary>
    public TransportAddress Remote { get; }

    /// <summary>A connection that was accepted.</summary>
    /// <param name="socket">The connection.</param>
    /// <param name="remote">Its other end.</param>
    /// <param name="time">For the deadline.</param>
    /// <param name="find">Finds the owner.</param>
    /// <param name="onProven">Told when the owner has authenticated it.</param>
    /// <param name="onClosed">Told when it has ended.</param>
    public static TcpLink Accepted(
        Socket socket, TransportAddress remote, TimeProvider time, FindTcpLinkOwner find, Action<TcpLink> onProven, Action<TcpLink> onClosed) =>
        new(remote, new StreamLink(new NetworkStream(socket, ownsSocket: true), new LengthFrameReader(), LengthFrameReader.PrefixLength), time, find, onProven, onClosed);

    /// <summary>A connection to be made; what is sent meanwhile waits.</summary>
    public static TcpLink To(TransportAddress remote, ITcpLinkOwner owner, TimeProvider time) =>
        new(remote, new StreamLink(cancellationToken => ConnectAsync(remote, cancellationToken), new LengthFrameReader(), LengthFrameReader.PrefixLength), time) { owner = owner };

    /// <summary>Starts to deliver messages; called once.</summary>
    public void Start() => messages.Start(this);

    /// <summary>Sends one message; one that cannot be sent is lost.</summary>
    public void Send(ReadOnlySpan<byte> message) => messages.Send(message);

    /// <summary>The owner has authenticated a message: the connection may stay.</summary>
    public void Prove()
    {
        deadline.Dispose();
        if (Interlocked.Exchange(ref proven, 1) == 0)
            onProven?.Invoke(this);
    }

    public void OnMessage(ReadOnlySpan<byte> message)
    {
        if (owner is null)
        {
            // Set before it is asked, so that the end of the connection in between reaches it.
            owner = find!(message);
            if (owner?.TryAccept(this) != true)
            {
                Dispose();
                return;
            }
            if (Volatile.Read(ref closed) != 0)
                owner.OnClosed(this);
        }
        owner.OnDatagrams(message, message.Length, Remote);
    }

    public void OnDisconnected(string reason) => Dispose();

    /// <summary>Ends the connection; called by its owner or by itself.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref closed, 1) != 0)
            return;
        deadline.Dispose();
        messages.Dispose();
        onClosed?.Invoke(this);
        owner?.OnClosed(this);
    }

    private static async Task<Stream> ConnectAsync(TransportAddress remote, CancellationToken cancellationToken)
    {
        var socket = new Socket(remote.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(remote.Address, remote.Port, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
