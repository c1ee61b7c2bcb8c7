//! In which order nodes stand, so that few edges cross: each moves to the middle of its neighbours,
//! back and forth.

/// How often both columns are put in order.
const SWEEPS: usize = 8;

/// A bipartite network by its places in the file: clients, and servers with their services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranks {
    /// The clients from top to bottom.
    pub clients: Vec<usize>,
    /// The servers from top to bottom, each with its services from top to bottom.
    pub servers: Vec<(usize, Vec<usize>)>,
}

impl Ranks {
    /// Orders what stands in the file's order; `edges` are pairs of a client and a service. Nodes
    /// of equal middle keep their order, those without an edge go to the end.
    pub fn by_middles(mut self, edges: &[(usize, usize)]) -> Self {
        for _ in 0..SWEEPS {
            let places = places(self.services());
            let middles = middles(
                edges.iter().map(|&(client, service)| (client, service)),
                &places,
            );
            sort(&mut self.clients, &middles);
            let places = self::places(self.clients.iter().copied());
            self.order_services(edges, &places);
        }
        self
    }

    fn order_services(&mut self, edges: &[(usize, usize)], clients: &[usize]) {
        let owners = self.owners();
        let of_services = middles(
            edges.iter().map(|&(client, service)| (service, client)),
            clients,
        );
        let of_servers = middles(
            edges
                .iter()
                .map(|&(client, service)| (owners[service], client)),
            clients,
        );
        for (_, services) in &mut self.servers {
            sort(services, &of_services);
        }
        self.servers
            .sort_by(|(a, _), (b, _)| middle(&of_servers, *a).total_cmp(&middle(&of_servers, *b)));
    }

    /// The services from top to bottom.
    fn services(&self) -> impl Iterator<Item = usize> {
        self.servers
            .iter()
            .flat_map(|(_, services)| services.iter().copied())
    }

    /// The server of each service.
    fn owners(&self) -> Vec<usize> {
        let mut owners = vec![0; self.services().count()];
        for (server, services) in &self.servers {
            for service in services {
                owners[*service] = *server;
            }
        }
        owners
    }
}

/// The place of each node among these.
fn places(nodes: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut places = Vec::new();
    for (place, node) in nodes.enumerate() {
        if places.len() <= node {
            places.resize(node + 1, 0);
        }
        places[node] = place;
    }
    places
}

/// The mean place of each node's neighbours.
fn middles(edges: impl Iterator<Item = (usize, usize)>, places: &[usize]) -> Vec<f64> {
    let mut sums: Vec<(u32, u32)> = Vec::new();
    for (node, neighbour) in edges {
        if sums.len() <= node {
            sums.resize(node + 1, (0, 0));
        }
        let (sum, count) = sums[node];
        sums[node] = (sum + places[neighbour] as u32, count + 1);
    }
    sums.into_iter()
        .map(|(sum, count)| f64::from(sum) / f64::from(count))
        .collect()
}

fn sort(nodes: &mut [usize], middles: &[f64]) {
    nodes.sort_by(|a, b| middle(middles, *a).total_cmp(&middle(middles, *b)));
}

/// Beyond every place for a node without neighbours.
fn middle(middles: &[f64], node: usize) -> f64 {
    middles
        .get(node)
        .copied()
        .filter(|middle| !middle.is_nan())
        .unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(clients: usize, services: &[usize], edges: &[(usize, usize)]) -> Ranks {
        let mut next = 0..;
        let servers = services
            .iter()
            .map(|&count| next.by_ref().take(count).collect())
            .enumerate()
            .collect();
        Ranks {
            clients: (0..clients).collect(),
            servers,
        }
        .by_middles(edges)
    }

    fn crossings(ranks: &Ranks, edges: &[(usize, usize)]) -> usize {
        let (clients, services) = (
            places(ranks.clients.iter().copied()),
            places(ranks.services()),
        );
        let ends: Vec<(usize, usize)> = edges
            .iter()
            .map(|&(c, s)| (clients[c], services[s]))
            .collect();
        let crosses = |a: &(usize, usize)| ends.iter().filter(|b| a.0 < b.0 && a.1 > b.1).count();
        ends.iter().map(crosses).sum()
    }

    #[test]
    fn edges_that_need_not_cross_do_not() {
        for (clients, services, edges) in [
            (2, &[1, 1][..], &[(0, 1), (1, 0)][..]),
            (3, &[3], &[(0, 2), (1, 1), (2, 0)]),
            (4, &[2, 2], &[(0, 3), (1, 2), (2, 1), (3, 0), (3, 1)]),
        ] {
            assert_eq!(
                crossings(&ordered(clients, services, edges), edges),
                0,
                "{edges:?}"
            );
        }
    }

    #[test]
    fn what_has_no_edge_goes_to_the_end() {
        let ranks = ordered(3, &[2, 1], &[(1, 1), (2, 2)]);
        assert_eq!(
            ranks,
            Ranks {
                clients: vec![1, 2, 0],
                servers: vec![(0, vec![1, 0]), (1, vec![2])]
            }
        );
    }

    #[test]
    fn nothing_can_be_ordered() {
        assert_eq!(
            ordered(0, &[], &[]),
            Ranks {
                clients: Vec::new(),
                servers: Vec::new()
            }
        );
        assert_eq!(
            ordered(2, &[0, 1], &[]).servers,
            [(0, vec![]), (1, vec![0])]
        );
    }
}
