using System.Net;
using System.Net.Sockets;
using Registry.Actors.Channels.Socks;

namespace Registry.Actors.Channels;

/// <summary>
/// A TCP port of this machine. One in <see cref="TubeRegistryOptions.Listeners"/> outlives the tubes that serve it: a tunnel that listens on its address
/// serves the clients that come once its channel is open; the tunnel before it keeps those it has, and its channel closes when they have ended. While no
/// tunnel serves, clients wait: at most <see cref="MaxWaiting"/>, each at most <see cref="MaxWait"/>; others are reset. One whose tunnel ended before the
/// other end had answered for it waits for the next tunnel too.
/// </summary>
public sealed class TunnelListener : IDisposable
{
    /// <summary>Clients that wait at most.</summary>
    public const int MaxWaiting = 128;

    /// <summary>How long a client waits at most.</summary>
    public static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);

    private const int Backlog = 128;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly Socket socket;
    private readonly TimeProvider time;
    private readonly Action<IPEndPoint, string>? givenUp;
    private readonly CancellationTokenSource stop = new();
    private readonly Lock gate = new();
    private readonly List<Waiting> waiting = [];
    private TunnelConversation? server;
    private TaskCompletionSource awaited = new(TaskCreationOptions.RunContinuationsAsynchronously); // until a client waits

    /// <summary>Binds and listens.</summary>
    /// <param name="endPoint">Address and port; port 0 for any free one.</param>
    /// <param name="time">The clock; null for the system's.</param>
    /// <param name="givenUp">Told <see cref="EndPoint"/> and the reason, for people, of each client that is reset because no tunnel served it; on any thread.</param>
    /// <exception cref="SocketException">The address is in use or not available.</exception>
    public TunnelListener(IPEndPoint endPoint, TimeProvider? time = null, Action<IPEndPoint, string>? givenUp = null)
    {
        this.time = time ?? TimeProvider.System;
        this.givenUp = givenUp;
        socket = new(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(endPoint);
            socket.Listen(Backlog);
            EndPoint = (IPEndPoint)socket.LocalEndPoint!;
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw;
        }

        _ = AcceptAsync();
    }

    /// <summary>The address with the real port.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Ends as soon as a client waits for a tunnel; ended while one does.</summary>
    public Task ClientWaits
    {
        get
        {
            lock (gate)
                return awaited.Task;
        }
    }

    /// <summary>Frees the port and resets the clients that wait; those that are served stay.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            stop.Cancel();
            socket.Dispose();
            foreach (var client in waiting)
                client.Reset();
            waiting.Clear();
        }
    }

    /// <summary>Closes a client's connection so that it can tell the cut from an end.</summary>
    internal static void Reset(Socket client)
    {
        client.LingerState = new(true, 0);
        client.Dispose();
    }

    /// <summary>Gives the clients to a tunnel from now on, those that wait first.</summary>
    internal void Attach(TunnelConversation next)
    {
        TunnelConversation? previous;
        lock (gate)
        {
            (previous, server) = (server, next);
            while (waiting is [var client, ..] && next.TryServe(client.Client))
            {
                client.Dispose();
                waiting.RemoveAt(0);
                Left();
            }
        }

        previous?.Supersede();
    }

    /// <summary>What is left of the time that a client may wait.</summary>
    internal TimeSpan LeftOf(ListenerClient client)
    {
        var left = MaxWait - time.GetElapsedTime(client.Since);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>Takes back a client that a tunnel cannot serve, for the next one.</summary>
    /// <param name="client">The client.</param>
    /// <param name="from">The tunnel.</param>
    internal void TakeBack(ListenerClient client, TunnelConversation from) => Offer(client, from);

    /// <summary>Says that a client was reset because nobody served it.</summary>
    internal void GiveUp(string why) => givenUp?.Invoke(EndPoint, why);

    /// <summary>Gives a tunnel no further client.</summary>
    internal void Detach(TunnelConversation ended)
    {
        lock (gate)
            if (server == ended)
                server = null;
    }

    private async Task AcceptAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Offer(new(await socket.AcceptAsync(stop.Token), time.GetTimestamp()), except: null);
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (SocketException)
            {
                // Out of file handles or an aborted client; without a pause this would spin.
                await Task.Delay(Pause, time, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Offer(ListenerClient client, TunnelConversation? except)
    {
        lock (gate)
        {
            if (server is not null && server != except && server.TryServe(client))
                return;
            if (!stop.IsCancellationRequested && waiting.Count < MaxWaiting)
            {
                waiting.Add(new(this, client));
                awaited.TrySetResult();
                return;
            }

            Reset(client.Socket);
            if (stop.IsCancellationRequested)
                return;
        }

        GiveUp($"{MaxWaiting} wait for a tube already");
    }

    // Under the gate, after one that waited no longer does.
    private void Left()
    {
        if (waiting.Count == 0)
            awaited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private void Expire(Waiting client)
    {
        lock (gate)
        {
            if (!waiting.Remove(client))
                return;
            Left();
            client.Reset();
        }

        GiveUp($"no tube for {MaxWait.TotalSeconds} s");
    }

    private sealed class Waiting : IDisposable
    {
        private readonly ITimer limit;

        public Waiting(TunnelListener listener, ListenerClient client)
        {
            Client = client;
            limit = listener.time.CreateTimer(_ => listener.Expire(this), null, listener.LeftOf(client), Timeout.InfiniteTimeSpan);
        }

        public ListenerClient Client { get; }

        /// <summary>Ends the wait; the socket is another's now.</summary>
        public void Dispose() => limit.Dispose();

        public void Reset()
        {
            Dispose();
            TunnelListener.Reset(Client.Socket);
        }
    }
}

/// <summary>A client that is not connected to anything yet.</summary>
/// <param name="Socket">Its socket.</param>
/// <param name="Since">When it came, by the listener's clock.</param>
/// <param name="Asked">What it asked for by SOCKS5, once it has.</param>
internal sealed record ListenerClient(Socket Socket, long Since, SocksTarget? Asked = null);
