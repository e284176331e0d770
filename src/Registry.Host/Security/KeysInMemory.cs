using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace Registry.Host.Security;

/// <summary>The keys that sign tubes' tokens of a gateway that has no directory for them: gone when it stops. Safe for every thread.</summary>
internal sealed class KeysInMemory : IXmlRepository
{
    private readonly Lock gate = new();
    private readonly List<XElement> elements = [];

    public IReadOnlyCollection<XElement> GetAllElements()
    {
        lock (gate)
            return [.. elements.Select(element => new XElement(element))];
    }

    public void StoreElement(XElement element, string friendlyName)
    {
        lock (gate)
            elements.Add(new(element));
    }
}
