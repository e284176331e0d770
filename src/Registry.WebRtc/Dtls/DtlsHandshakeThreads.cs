namespace Registry.WebRtc.Dtls;

/// <summary>
/// Threads that handshakes borrow, because BouncyCastle blocks in them. They are started on demand, reused, limited in number, and
/// end after some idle time; who finds none free waits in turn.
/// </summary>
/// <remarks>
/// Clients and servers have separate limits. A client blocks until its server answers; where both run in one process, clients alone
/// could otherwise hold every thread while their servers wait for one.
/// </remarks>
internal sealed class DtlsHandshakeThreads(int limit = DtlsHandshakeThreads.DefaultLimit)
{
    /// <summary>Threads of both roles together, unless told otherwise.</summary>
    public const int DefaultLimit = 512;

    // Address space, committed only where touched. A cold handshake also compiles its methods on this stack, and an overflow ends the process.
    private const int StackSize = 512 * 1024;
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(5);

    private readonly Pool clients = new("DTLS client handshake", Math.Max(1, limit / 2));
    private readonly Pool servers = new("DTLS server handshake", Math.Max(1, limit / 2));

    /// <summary>The threads of this process.</summary>
    public static DtlsHandshakeThreads Shared { get; } = new();

    /// <summary>Threads that exist now, busy or idle.</summary>
    public int Count => clients.Count + servers.Count;

    /// <summary>Threads that run a handshake now.</summary>
    public int Busy => clients.Busy + servers.Busy;

    /// <summary>Runs a handshake as soon as a thread is free.</summary>
    public void Run(DtlsRole role, Action handshake) => (role == DtlsRole.Client ? clients : servers).Run(handshake);

    private sealed class Pool(string name, int limit)
    {
        private readonly object gate = new();
        private readonly Queue<Action> waiting = new();
        private int count;
        private int idle;

        public int Count
        {
            get { lock (gate) return count; }
        }

        public int Busy
        {
            get { lock (gate) return count - idle; }
        }

        public void Run(Action work)
        {
            lock (gate)
            {
                waiting.Enqueue(work);
                if (waiting.Count > idle && count < limit)
                {
                    new Thread(Work, StackSize) { IsBackground = true, Name = name }.Start();
                    count++;
                }
                else
                {
                    Monitor.Pulse(gate);
                }
            }
        }

        private void Work()
        {
            while (TryTake(out var work))
                work();
        }

        private bool TryTake(out Action work)
        {
            lock (gate)
            {
                idle++;
                while (waiting.Count == 0 && Monitor.Wait(gate, IdleTime))
                {
                }

                idle--;
                if (waiting.TryDequeue(out work!))
                    return true;
                count--;
                return false;
            }
        }
    }
}
